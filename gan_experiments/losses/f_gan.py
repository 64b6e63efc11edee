"""f-GAN: variational lower bounds of f-divergences."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from gan_experiments.core.contracts import Loss

_LARGEST_EXPONENT = 20.0
_LOG_2 = math.log(2)


def _exp(x: Tensor) -> Tensor:
    """Return exp, continued linearly above 20: training has already diverged at such values, but they stay finite."""
    return torch.exp(x.clamp(max=_LARGEST_EXPONENT)) * (1 + relu(x - _LARGEST_EXPONENT))


class FGAN(Loss):
    """Variational minimization of an f-divergence (Nowozin, Cseke & Tomioka 2016, eq. 6, tables 1 and 2).

    The output activation ``g`` of the divergence is applied to the discriminator's output ``v`` here, combined with the
    conjugate ``f*``, so that both are accurate for large ``v``.

    Args:
        divergence: The divergence of the generated from the data distribution.
        saturating: Whether the generator minimizes the bound itself instead of the alternative of section 3.2.
    """

    def __init__(
        self,
        divergence: Literal["kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon"] = "pearson",
        saturating: bool = False,
    ) -> None:
        super().__init__()
        self.divergence = divergence
        self.saturating = saturating
        self.boundary = 1.0 if divergence == "kl" else 0.0  # where g is f'(1) (table 6)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the negated bound, ``-E g(r) + E f*(g(f))``."""
        return self._conjugate(fake).mean() - self._activation(real).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return ``-E g(f)``, or ``-E f*(g(f))`` if saturating."""
        return -(self._conjugate(fake) if self.saturating else self._activation(fake)).mean()

    def _activation(self, v: Tensor) -> Tensor:
        """Return ``g(v)``."""
        if self.divergence == "reverse_kl":
            return -_exp(-v)
        if self.divergence == "squared_hellinger":
            return 1 - _exp(-v)
        if self.divergence == "jensen_shannon":
            return _LOG_2 - softplus(-v)
        return v

    def _conjugate(self, v: Tensor) -> Tensor:
        """Return ``f*(g(v))``, simplified by hand."""
        if self.divergence == "kl":
            return _exp(v - 1)
        if self.divergence == "reverse_kl":
            return v - 1
        if self.divergence == "squared_hellinger":
            return _exp(v) - 1
        if self.divergence == "jensen_shannon":
            return softplus(v) - _LOG_2
        return v.square() / 4 + v
