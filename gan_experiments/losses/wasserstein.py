"""Wasserstein loss (WGAN)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.core.contracts import Loss


class Wasserstein(Loss):
    """The critic estimates the Wasserstein-1 distance (Arjovsky, Chintala & Bottou 2017, eq. 2).

    This holds for a Lipschitz critic only: add ``wgan_gp``, ``weight_clipping`` or spectral normalization.
    """

    shift_invariant: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the mean score of fakes minus that of reals."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the negated mean score."""
        return -fake.mean()
