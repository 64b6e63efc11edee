"""R1: zero-centered gradient penalty at real images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.rules import image_size
from gan_experiments.core.types import DataFacts, NonNegativeFloat, PositiveInt
from gan_experiments.penalties.gradient import image_gradient

_HEURISTIC = 0.0002


class R1(Penalty):
    """Half the mean squared gradient norm at reals; ``weight`` is gamma (Mescheder, Geiger & Nowozin 2018, eq. 9).

    It differentiates the outputs of the loss's own pass, unless they were computed in low precision.

    Args:
        weight: Gamma; ``auto``: 0.0002 x pixels x pixels / ``batch_size``, from which users of StyleGAN2-ADA start.
        interval: Apply in every ``interval``-th step.
        before_augmentation: Differentiate by the images before augmentation, as StyleGAN2-ADA and R3GAN do, instead of
            those that the discriminator sees: gamma then means another strength, by the augmentation's own Jacobian.
    """

    differentiates_real: ClassVar[bool] = True
    second_order: ClassVar[bool] = True
    kind: ClassVar[str] = "gradient_norm"

    def __init__(
        self,
        weight: NonNegativeFloat | Literal["auto"] = 1.0,
        interval: PositiveInt = 4,
        before_augmentation: bool = False,
    ) -> None:
        super().__init__(1.0 if weight == "auto" else weight, interval)
        self.auto = weight == "auto"
        self.before_augmentation = before_augmentation

    def adapt_to(self, facts: DataFacts, batch_size: int) -> None:
        """Choose gamma, if it is ``auto``: as ``auto`` of StyleGAN2-ADA's ``train.py`` does."""
        if self.auto:
            self.weight = _HEURISTIC * facts.height * facts.width / batch_size

    def discriminator(self, step: Step) -> Tensor:
        """Return ``1/2 E ||grad D(x)||^2``, the norm per sample over all pixels."""
        output = step.real_output if step.full_precision else None
        at = step.clean_real if self.before_augmentation else None
        gradient = image_gradient(step.discriminator, step.real, step.labels, output, at)
        return gradient.square().sum(dim=1).mean() / 2

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse the weight of images for points."""
        yield from super().check(key, options, config)
        if config.get(f"{key}.weight") == "auto" and image_size(config) == 1:
            yield Problem(f"{key}.weight", "auto is for images, not for points; take penalty=r1_points, or a number")
