"""Minimax (saturating) GAN loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from gan_experiments.losses.non_saturating import NonSaturating


class Minimax(NonSaturating):
    """The generator minimizes the log(1 - D(G(z))) that the discriminator maximizes (Goodfellow et al. 2014, eq. 1).

    The generator's gradient vanishes where the discriminator confidently rejects the fakes.

    Args:
        smoothing: One-sided label smoothing: the target of reals is ``1 - smoothing`` in the discriminator's loss.
    """

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the mean of log(1 - sigmoid(fake)), from logits."""
        return -softplus(fake).mean()
