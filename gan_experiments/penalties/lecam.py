"""LeCam regularization of the discriminator's outputs, for little data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.distributed import mean_over_processes
from gan_experiments.core.precision import in_float32
from gan_experiments.core.rules import check_within_run
from gan_experiments.core.types import Fraction, NonNegativeFloat, NonNegativeInt, PositiveInt
from gan_experiments.penalties.gradient import realism


class LeCam(Penalty):
    """Pull reals down to the average fake and fakes up to the average real (Tseng et al. 2021).

    As in the authors' code, only outputs beyond the average are penalized; the paper's formula has no such threshold.
    The averages are plain means at first and become moving averages after ``1 / (1 - decay)`` steps.

    In low precision the discriminator is run again in float32.

    Args:
        weight: Factor of the term.
        interval: Apply, and update the averages, in every ``interval``-th step.
        decay: Decay of the moving averages, per step.
        start_images: Images seen before the term is active; the default is the usual 1,000 steps of 64 images.
    """

    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True
    averages: Tensor
    updates: Tensor

    def __init__(
        self,
        weight: NonNegativeFloat = 0.3,
        interval: PositiveInt = 1,
        decay: Fraction = 0.99,
        start_images: NonNegativeInt = 64_000,
    ) -> None:
        super().__init__(weight, interval)
        self.decay = decay
        self.start_images = start_images
        self.register_buffer("averages", torch.zeros(2))  # of outputs for reals and for fakes
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def discriminator(self, step: Step) -> Tensor | None:
        """Return ``E relu(r - average_f)^2 + E relu(average_r - f)^2``, energies negated; ``None`` until active."""
        active = step.images_seen >= self.start_images
        real, fake = step.real_output, step.fake_output
        if active and not step.full_precision:  # differences of outputs in bfloat16 are mostly rounding
            real = step.discriminator(in_float32(step.real.detach()), step.labels)
            fake = step.discriminator(in_float32(step.fake), step.fake_labels)
        assert real is not None
        real, fake = realism(step.discriminator, real), realism(step.discriminator, fake)
        self._follow(real, fake)
        if not active:
            return None
        average_real, average_fake = self.averages.clone()
        return relu(real - average_fake).square().mean() + relu(average_real - fake).square().mean()

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of a term that is never active."""
        yield from super().check(key, options, config)
        yield from check_within_run(key, "start_images", "the term is never active", config, always=True)

    @torch.no_grad()
    def _follow(self, real: Tensor, fake: Tensor) -> None:
        means = mean_over_processes(torch.stack([real.mean(), fake.mean()])).to(self.averages)
        self.updates += 1
        rate = (1 / self.updates).clamp(min=1 - self.decay)
        self.averages += rate * (means - self.averages)
