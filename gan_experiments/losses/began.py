"""BEGAN: boundary equilibrium loss on the energies of an autoencoder."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import Loss
from gan_experiments.core.distributed import mean_over_processes
from gan_experiments.core.types import Fraction, NonNegativeFloat


class BEGAN(Loss):
    """A proportional controller keeps the ratio of energies at gamma (Berthelot, Schumm & Metz 2017, section 3.4).

    Args:
        gamma: Target ratio of the energy of fakes to that of reals; lower values give sharper, less diverse images.
        lambda_k: Gain of the controller.
    """

    discriminator_output: ClassVar[str] = "energy"
    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True
    k: Tensor

    def __init__(self, gamma: Fraction = 0.5, lambda_k: NonNegativeFloat = 0.001) -> None:
        super().__init__()
        self.gamma = gamma
        self.lambda_k = lambda_k
        self.register_buffer("k", torch.zeros(()))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ``E(x) - k E(G(z))``; in training mode, then update ``k`` by one step of the controller."""
        k = self.k.clone()  # the update below is in place, the graph needs the old value
        if self.training:
            self._control(real.detach().mean(), fake.detach().mean())
        return real.mean() - k * fake.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the mean energy of fakes."""
        return fake.mean()

    @torch.no_grad()
    def _control(self, real: Tensor, fake: Tensor) -> None:
        imbalance = mean_over_processes(self.gamma * real - fake)
        self.k.add_(self.lambda_k * imbalance).clamp_(0, 1)
