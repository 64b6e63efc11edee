"""Relativistic average losses (RaSGAN, RaLSGAN, RaHingeGAN)."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import relu, softplus

from gan_experiments.core.contracts import Loss
from gan_experiments.core.distributed import gathered


class RelativisticAverage(Loss):
    """Reals should score higher than the average fake, and fakes lower than the average real.

    RaSGAN, RaLSGAN and RaHingeGAN of Jolicoeur-Martineau 2018; the generator's loss is the same with reals and fakes
    swapped. Averages are over the batch of all processes.

    Args:
        form: Loss of a difference of outputs: cross-entropy, squared distance to +1 and -1, or hinge.
    """

    generator_needs_real: ClassVar[bool] = True
    shift_invariant: ClassVar[bool] = True
    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True

    def __init__(self, form: Literal["non_saturating", "least_squares", "hinge"] = "non_saturating") -> None:
        super().__init__()
        self.form = form

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the loss that raises reals above the average fake and lowers fakes below the average real."""
        return self._separate(high=real, low=fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss that raises fakes above the average real and lowers reals below the average fake."""
        assert real is not None
        return self._separate(high=fake, low=real)

    def _separate(self, high: Tensor, low: Tensor) -> Tensor:
        above, below = high - gathered(low).mean(), low - gathered(high).mean()
        if self.form == "least_squares":
            return (above - 1).square().mean() + (below + 1).square().mean()
        if self.form == "hinge":
            return relu(1 - above).mean() + relu(1 + below).mean()
        return softplus(-above).mean() + softplus(below).mean()
