"""SWD: sliced Wasserstein distance of patches, at each level of a Laplacian pyramid."""

from __future__ import annotations

import math
import statistics
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveInt, Repeats
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.functional.sliced_wasserstein import (
    MIN_PIXELS,
    laplacian_pyramid,
    normalized_descriptors,
    patch_descriptors,
    sliced_wasserstein_distance,
)
from gan_experiments.metrics.measure import Baseline, Evaluated, Measure

_SCALE = 1000.0
_LEVELS = (16, 32, 64, 128, 256, 512, 1024)


class SWD(Measure):
    """Sliced Wasserstein distance of 7 x 7 patches of generated and real images, times 1,000 (Karras et al. 2018).

    At fine levels it compares texture, at coarse ones structure. Of the larger set as many images count as the smaller
    one has. Memory: the patches of both sets, 200 bytes times channels, patches, images and levels.

    Values:
        ``swd``: the mean over the levels; ``swd_16``, ``swd_32`` ...: those of 16, 32 ... pixels that there are.

    Args:
        images: Generated and real images that are compared, at most; 16,384 in the paper, which takes 20 GB.
        patches: Patches of each image and level.
        directions: Random directions.
    """

    values: ClassVar[tuple[str, ...]] = ("swd", *(f"swd_{side}" for side in _LEVELS))
    higher_is_better = False
    final_only: ClassVar[bool] = True

    def __init__(self, images: PositiveInt = 2048, patches: Repeats = 128, directions: Repeats = 512) -> None:
        super().__init__()
        self.images = images
        self.patches = patches
        self.directions = directions
        self._data: ImageSource | None = None
        self._sides: list[int] = []

    def prepare(self, data: ImageSource) -> None:
        """Look at the size of the real images.

        Raises:
            ValueError: They are smaller than 16 pixels, or there are fewer than two.
        """
        side, count = min(data.images.shape[2:]), len(data.images)
        if side < MIN_PIXELS or data.images.is_floating_point() or count < 2:
            raise ValueError(f"SWD needs at least 2 images of {MIN_PIXELS} pixels, not {count} of {side}")
        if not self._sides:
            self._data = data
            self._sides = [min(level.shape[2:]) for level in laplacian_pyramid(data.images[:1].float())]
            for side in self._sides:
                self.add_state(f"level_{side}", [], dist_reduce_fx="cat")

    def update(self, images: Tensor, real: bool = False, labels: Tensor | None = None) -> None:
        """Add generated images ``(B, C, H, W)``, uint8; they are compared with those of the dataset."""
        wanted = images[: self.images - self._count()]
        if real or not len(wanted):
            return
        for side, patches in zip(self._sides, patch_descriptors(wanted, self.patches), strict=True):
            getattr(self, f"level_{side}").append(patches)

    def compute(self) -> dict[str, float]:
        """Return its values by name.

        Raises:
            ValueError: There are no generated images.
        """
        if not self._count():
            raise ValueError("SWD has no generated images")
        fakes = [dim_zero_cat(getattr(self, f"level_{side}")) for side in self._sides]
        assert self._data is not None
        count = min(self._count(), self.images, len(self._data.images))
        return self._distances(self._real(0, count), [fake[: count * self.patches] for fake in fakes])

    def real_baseline(self, evaluated: Evaluated) -> dict[str, Baseline]:
        """Return the distances of two disjoint parts of the real images, scaled with the root of their number."""
        count = min(evaluated.samples, self.images, len(evaluated.data.images))
        size = min(count, len(evaluated.data.images) // 2)
        distances = self._distances(self._real(0, size), self._real(size, size))
        return {name: Baseline(value * math.sqrt(size / count)) for name, value in distances.items()}

    def _count(self) -> int:
        state = getattr(self, f"level_{self._sides[0]}") if self._sides else []
        return (len(state) if isinstance(state, Tensor) else sum(map(len, state))) // self.patches

    def _real(self, start: int, count: int) -> list[Tensor]:
        """Return the patches of real images in random order, at each level."""
        assert self._data is not None
        chosen = Stream("swd", "real").permutation(len(self._data.images))[start : start + count]
        images = self._data.images[chosen]
        parts = [patch_descriptors(part.to(self.device), self.patches) for part in torch.split(images, 100)]
        return [torch.cat(level) for level in zip(*parts, strict=True)]

    def _distances(self, real: list[Tensor], fake: list[Tensor]) -> dict[str, float]:
        distances = {}
        for side, ours, theirs in zip(self._sides, fake, real, strict=True):
            sets = normalized_descriptors(ours), normalized_descriptors(theirs)
            distances[side] = _SCALE * sliced_wasserstein_distance(*sets, 0, self.directions)
        named = {f"swd_{side}": value for side, value in distances.items() if side in _LEVELS}
        return {"swd": statistics.fmean(distances.values()), **named}
