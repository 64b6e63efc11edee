"""Structural diversity: mean MS-SSIM over pairs of generated images."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure
from torchmetrics.image import MultiScaleStructuralSimilarityIndexMeasure
from torchmetrics.utilities import dim_zero_cat

from gan_experiments.core.images import grey_levels
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.measure import Measure

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales (Wang et al. 2003), the finest first
_WINDOW = 11  # pixels of the filter


class StructuralDiversity(Measure, MultiScaleStructuralSimilarityIndexMeasure):
    """Mean MS-SSIM (Wang et al. 2003) over pairs of generated images, which are alike where a generator has collapsed.

    Odena et al. 2017 look within one class; here pairs are successive images of a batch, of any class. The MS-SSIM is
    that of torchmetrics. Images of less than 176 pixels have fewer than five scales, whose weights are scaled to a sum
    of 1: compare only images of one size.

    Values:
        ``ms_ssim``: 1 for equal images; compare it with its real baseline. It does not measure quality.
    """

    values: ClassVar[tuple[str, ...]] = ("ms_ssim",)
    higher_is_better = False
    has_real_baseline: ClassVar[bool] = True
    similarities: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("similarities", [], dist_reduce_fx="cat")
        self._scales = 0

    def prepare(self, data: ImageSource) -> None:
        """Look at the size of the images.

        Raises:
            ValueError: The images are smaller than 11 pixels.
        """
        self._scales = scales_of(min(data.images.shape[2:]))

    def update(  # type: ignore[override]  # takes no pairs
        self, images: Tensor, real: bool = False, labels: Tensor | None = None
    ) -> None:
        """Add generated images ``(B, C, H, W)``, uint8, in pairs; a last one without another is left out."""
        pairs = grey_levels(images[: len(images) // 2 * 2])
        if real or not len(pairs):
            return
        self._scales = scales_of(min(images.shape[2:]))
        share = sum(_WEIGHTS[: self._scales]) / sum(_WEIGHTS)
        similarities = multiscale_structural_similarity_index_measure(
            pairs[0::2],
            pairs[1::2],
            reduction="none",
            data_range=255.0,
            betas=tuple(weight / share for weight in _WEIGHTS[: self._scales]),
            normalize="relu",
        )
        self.similarities.append(similarities.double())

    def compute(self) -> Tensor:
        """Return the mean over all pairs, a float64 scalar, and set its margin.

        Raises:
            ValueError: There are no pairs.
        """
        if not len(self.similarities):
            raise ValueError("MS-SSIM needs at least two images in a batch")
        similarities = dim_zero_cat(self.similarities)
        self.margins = {"ms_ssim": margin_of_mean(similarities)}
        return similarities.mean()

    def provenance(self) -> dict[str, Any]:
        """Return the number of scales, which follows from the size of the images."""
        return {"scales": self._scales}


def scales_of(side: int) -> int:
    """Return how many scales images of ``side`` pixels have: at each, the filter fits.

    Raises:
        ValueError: It does not fit at all.
    """
    if side < _WINDOW:
        raise ValueError(f"MS-SSIM needs images of {_WINDOW} pixels, not {side}")
    return next(
        scales
        for scales in range(len(_WEIGHTS), 0, -1)
        if side >= _WINDOW * 2 ** (scales - 1) and side // max(1, scales - 1) ** 2 >= _WINDOW
    )
