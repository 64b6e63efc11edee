"""The relativistic losses against the average of the other side."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import relu, softplus

from gan_experiments.core.contracts import Loss


class RelativisticAverage(Loss):
    """Reals should look more real than the average fake, and fakes less than the average real.

    RaSGAN, RaLSGAN and RaHingeGAN of Jolicoeur-Martineau 2018; the generator's loss is the same with the roles
    swapped. Averages are over the batch of each process.

    Args:
        form: How a difference of outputs is judged: by cross-entropy, its squared distance to +-1, or a margin of 1.
    """

    generator_needs_real: ClassVar[bool] = True
    shift_invariant: ClassVar[bool] = True
    couples_batch: ClassVar[bool] = True

    def __init__(self, form: Literal["non_saturating", "least_squares", "hinge"] = "non_saturating") -> None:
        super().__init__()
        self.form = form

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the loss that moves reals above the average fake and fakes below the average real."""
        return self._separate(high=real, low=fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss that moves fakes above the average real and reals below the average fake."""
        assert real is not None
        return self._separate(high=fake, low=real)

    def _separate(self, high: Tensor, low: Tensor) -> Tensor:
        above, below = high - low.mean(), low - high.mean()
        if self.form == "least_squares":
            return (above - 1).square().mean() + (below + 1).square().mean()
        if self.form == "hinge":
            return relu(1 - above).mean() + relu(1 + below).mean()
        return softplus(-above).mean() + softplus(below).mean()
