"""Weight clipping of the discriminator (the first WGAN)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from gan_experiments.core.contracts import Penalty
from gan_experiments.core.types import PositiveFloat


class WeightClipping(Penalty):
    """Clip every parameter of the discriminator (Arjovsky, Chintala & Bottou 2017, algorithm 1).

    Args:
        bound: Largest absolute value of a parameter.
    """

    kind: ClassVar[str] = "gradient_norm"

    def __init__(self, bound: PositiveFloat = 0.01) -> None:
        super().__init__()
        self.bound = bound

    @torch.no_grad()
    def after_discriminator_step(self, discriminator: nn.Module) -> None:
        """Clamp all parameters, including biases and gains, but for frozen ones."""
        for parameter in discriminator.parameters():
            if parameter.requires_grad:
                parameter.clamp_(-self.bound, self.bound)
