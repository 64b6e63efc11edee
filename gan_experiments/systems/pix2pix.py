"""pix2pix: translation learned from pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import DataFacts, NonNegativeFloat
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.systems.translation import TranslationSystem
from gan_experiments.systems.translator_training import Shown


class Pix2Pix(TranslationSystem):
    """Conditional GAN with an L1 term (Isola et al. 2017, equations 1 to 4).

    The discriminator sees input and image together, as the channels of one image. The noise is dropout, drawn from the
    run's random streams; evaluations translate without it.

    Args:
        generator: Translates A to B.
        discriminator: Tells pairs with real images from pairs with translated ones.
        setup: What it is trained with.
        adversarial_weight: Factor of the adversarial loss.
        l1: Factor of the mean absolute difference from the right image.
        channels_last: Memory format of weights and images: faster convolutions, different rounding.
    """

    paired: ClassVar[bool] = True

    def __init__(
        self,
        generator: Translator,
        discriminator: Discriminator,
        setup: TrainingSetup,
        adversarial_weight: NonNegativeFloat = 1.0,
        l1: NonNegativeFloat = 100.0,
        channels_last: bool = False,
    ) -> None:
        super().__init__(generator, discriminator, setup, adversarial_weight, channels_last)
        self.l1 = l1

    @classmethod
    def network_facts(cls, facts: DataFacts) -> dict[str, tuple[str, DataFacts]]:
        """Return the facts of the networks; the discriminator's images have the channels of both."""
        return {"generator": ("generator", facts), "discriminator": ("discriminator", facts.joint())}

    def make(self, inputs: Tensor, images: Tensor) -> tuple[list[Shown], dict[str, Tensor]]:
        """Translate the inputs, with noise."""
        fake = self.generator(inputs, self._stream("dropout"))
        shown = Shown(self.sides[0], torch.cat([inputs, images], 1), torch.cat([inputs, fake.float()], 1))
        return [shown], {"images": images, "fake": fake}

    def terms(self, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the L1 term."""
        return {"l1": self.l1 * l1_loss(made["fake"].float(), made["images"])}
