"""The loss of the two-player game itself, which saturates."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from gan_experiments.losses.non_saturating import NonSaturating


class Minimax(NonSaturating):
    """The generator minimizes log(1 - D(G(z))), what the discriminator maximizes (Goodfellow et al. 2014, eq. 1).

    Its gradient for the generator vanishes where the discriminator is sure of the fakes.

    Args:
        smoothing: One-sided label smoothing: reals have the target ``1 - smoothing`` in the discriminator's loss.
    """

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the mean of log(1 - sigmoid(fake)), from logits."""
        return -softplus(fake).mean()
