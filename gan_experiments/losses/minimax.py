"""Minimax (saturating) GAN loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.nn.functional import softplus

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.types import Fraction
from gan_experiments.losses.non_saturating import NonSaturating


class Minimax(NonSaturating):
    """The generator minimizes the log(1 - D(G(z))) that the discriminator maximizes (Goodfellow et al. 2014, eq. 1).

    The generator's gradient vanishes where the discriminator confidently rejects the fakes.

    Args:
        smoothing: One-sided label smoothing: the target of reals is ``1 - smoothing`` in the discriminator's loss.
        whole: The generator minimizes all that the discriminator maximizes, with the term of the reals: an unrolled
            discriminator depends on the generator in both (Metz et al. 2017, eq. 10).
    """

    def __init__(self, smoothing: Fraction = 0.0, whole: bool = False) -> None:
        super().__init__(smoothing)
        self.generator_needs_real = whole  # type: ignore[misc] # of the class, but for this option

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the mean of log(1 - sigmoid(fake)), from logits; minus the discriminator's loss if it is whole."""
        if self.generator_needs_real and real is not None:
            return -self.discriminator(real, fake)
        return -softplus(fake).mean()

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Of the whole objective, warn without unrolling, and refuse more fakes than reals."""
        yield from super().check(key, options, config)
        if options.get("whole") and not config.get("model.unroll_steps"):
            text = "without model.unroll_steps the term of the reals has no gradient, but costs a pass"
            yield Problem(f"{key}.whole", text, warning=True)
        if options.get("whole") and config.get("model.generator_batch") not in (None, 1):
            text = f"{key}.whole compares the generator's fakes with as many real images; take 1"
            yield Problem("model.generator_batch", text)
