"""Wasserstein loss (WGAN)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Loss
from gan_experiments.core.rules import DISCRIMINATOR, option


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

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of a critic whose gradient nothing bounds."""
        yield from super().check(key, options, config)
        kinds = {getattr(penalty, "kind", "") for penalty in config.components("penalty").values()}
        bounded = "gradient_norm" in kinds or option(config, DISCRIMINATOR, "spectral_norm")
        if config.component(DISCRIMINATOR) and not bounded:
            text = "nothing bounds the gradient of the critic, so its outputs can grow without limit"
            yield Problem(key, f"{text}; take penalty=wgan_gp, or weight_clipping", warning=True)
