"""Mode coverage and sample quality on datasets whose distribution is known."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import KnownDistribution
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.functional.margins import margin_of_share
from gan_experiments.metrics.functional.mode_coverage import mode_coverage
from gan_experiments.metrics.measure import Measure


class KnownDistributionMetric(Measure):
    """Covered modes and high-quality samples (Srivastava et al. 2017, VEEGAN; Lin et al. 2018, PacGAN).

    The dataset defines which samples are of high quality. It divides its distribution into cells, which are its modes
    if it has modes, and knows how probable each is.

    Values:
        ``precision``: share of samples of high quality.
        ``modes``: number of covered cells, those with at least a quarter of the high-quality samples that a perfect
        generator has there; ``recall`` is their share. ``modes_published``: number of cells with at least one.
        ``modes_any``: number of cells with at least one sample of any quality, as published for Stacked MNIST.
        ``reverse_kl``: Kullback-Leibler divergence of the distribution of all samples over cells, each in its nearest
        cell, from the known one, in nats; the logarithm of the number of cells if all samples are in one of equally
        probable cells.
        ``reverse_kl_high_quality``: the same of the high-quality samples alone, as in the code of PacGAN.
    """

    values: ClassVar[tuple[str, ...]] = (
        *("precision", "recall", "modes", "modes_published", "modes_any", "reverse_kl", "reverse_kl_high_quality"),
    )
    selection: ClassVar[str] = "reverse_kl"
    has_real_baseline: ClassVar[bool] = True
    needs_known_distribution: ClassVar[bool] = True
    higher_is_better = MappingProxyType(
        dict.fromkeys(("precision", "recall", "modes", "modes_published", "modes_any"), True)
        | dict.fromkeys(("reverse_kl", "reverse_kl_high_quality"), False)
    )
    samples: Tensor
    high_quality: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._distribution: KnownDistribution | None = None

    def prepare(self, data: ImageSource) -> None:
        """Take the known distribution from the dataset.

        Raises:
            ConfigError: The distribution of the dataset is not known.
        """
        if self._distribution is not None:
            return
        distribution = getattr(data, "known_distribution", None)
        if distribution is None:
            raise ConfigError(f"metrics.measures: the distribution of {data.facts.name} is not known")
        self._distribution = distribution
        for name in ("samples", "high_quality"):
            self.add_state(name, torch.zeros(distribution.num_cells, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, images: Tensor, real: bool = False, labels: Tensor | None = None) -> None:
        """Count generated images ``(B, C, H, W)``, and those of high quality, by cell; real ones are ignored."""
        assert self._distribution is not None
        if len(images) and not real:
            cells, high_quality = self._distribution.assign_modes(images)
            self.samples += torch.bincount(cells, minlength=len(self.samples))
            self.high_quality += torch.bincount(cells[high_quality], minlength=len(self.samples))

    def compute(self) -> dict[str, float]:
        """Return the seven values."""
        assert self._distribution is not None
        values = mode_coverage(self.samples, self.high_quality, self._distribution.weights)
        self.margins = {"precision": margin_of_share(values["precision"], int(self.samples.sum()))}
        return values
