"""Least-squares loss (LSGAN)."""

from __future__ import annotations

from torch import Tensor

from gan_experiments.core.contracts import Loss
from gan_experiments.core.types import Fraction


class LeastSquares(Loss):
    """Half the squared distance of the raw output to 1 for reals and 0 for fakes (Mao et al. 2017, eq. 9).

    Args:
        smoothing: One-sided label smoothing: the target of reals is ``1 - smoothing`` in the discriminator's loss.
    """

    def __init__(self, smoothing: Fraction = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.boundary = (1 - smoothing) / 2  # between the targets

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ``1/2 E (r - 1 + smoothing)^2 + 1/2 E f^2``, of outputs without a sigmoid."""
        return ((real - (1 - self.smoothing)).square().mean() + fake.square().mean()) / 2

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return ``1/2 E (f - 1)^2``."""
        return (fake - 1).square().mean() / 2
