"""Super-resolution: small images enlarged."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Interval
from torch import Tensor
from torch.nn.functional import interpolate

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.tasks.base import Task, as_stored


class SuperResolution(Task):
    """The inputs are images reduced with an antialiased bicubic filter, enlarged again by repeating pixels.

    Args:
        factor: How many times smaller they are in height and width.
    """

    classical_name: ClassVar[str] = "bicubic"

    def __init__(self, factor: Annotated[int, Interval(ge=2, le=16)] = 4) -> None:
        self.factor = factor

    def __call__(self, images: Tensor, rng: Stream) -> Tensor:
        """Return reduced and enlarged images ``(B, C, H, W)``."""
        small = _resized(images, (images.shape[-2] // self.factor, images.shape[-1] // self.factor))
        return self.of_user(small)

    def classical(self, inputs: Tensor) -> Tensor:
        """Return the small images enlarged by bicubic interpolation."""
        return _resized(inputs[..., :: self.factor, :: self.factor], (inputs.shape[-2], inputs.shape[-1]))

    def of_user(self, images: Tensor) -> Tensor:
        """Return small images ``(B, C, H, W)`` with every pixel repeated: ``(B, C, factor * H, factor * W)``."""
        return images.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)

    def refuse(self, facts: DataFacts) -> None:
        """Refuse images whose size the factor does not divide.

        Raises:
            ConfigError: Says which size.
        """
        unfit = next((side for side in (facts.height, facts.width) if side % self.factor), None)
        if unfit is not None:
            raise ConfigError(f"task.factor: {self.factor} does not divide the {unfit} pixels of {facts.name}")


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    resized = interpolate(images.float(), size, mode="bicubic", antialias=True, align_corners=False)
    return as_stored(resized, images)
