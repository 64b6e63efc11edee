"""EBGAN: margin loss on the energies of an autoencoder."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu

from gan_experiments.core.contracts import Loss
from gan_experiments.core.types import PositiveFloat


class EBGAN(Loss):
    """Low energy for reals, energy of at least a margin for fakes (Zhao, Mathieu & LeCun 2016, eq. 1 and 2).

    Args:
        margin: Energy above which a fake does not count in the discriminator's loss; in units of the energy.
    """

    discriminator_output: ClassVar[str] = "energy"

    def __init__(self, margin: PositiveFloat = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ``E r + E relu(margin - f)``."""
        return real.mean() + relu(self.margin - fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the mean energy of fakes."""
        return fake.mean()
