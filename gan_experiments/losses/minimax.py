"""Minimax (saturating) GAN loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

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
