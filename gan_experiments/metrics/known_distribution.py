"""What a generator gets right of a distribution that is known."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import KnownDistribution
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.measure import Measure


class KnownDistributionMetric(Measure):
    """Modes and quality of samples against the truth (Srivastava et al. 2017, VEEGAN; Lin et al. 2018, PacGAN).

    A sample counts as real if it is near enough for the dataset's own definition. The truth falls into cells of
    equal probability, its modes where it has modes.

    Values:
        ``precision``: share of samples that count as real ("high-quality samples").
        ``recall``: share of cells with at least one of those; ``modes`` is their number.
        ``reverse_kl``: Kullback-Leibler divergence of all samples' distribution over cells, each sample in the one
        nearest to it, from the uniform one, in nats; the logarithm of the number of cells if all fall into one.
    """

    values: ClassVar[tuple[str, ...]] = ("precision", "recall", "modes", "reverse_kl")
    selection: ClassVar[str] = "reverse_kl"
    has_real_baseline: ClassVar[bool] = True
    needs_known_distribution: ClassVar[bool] = True
    full_state_update = False
    samples: Tensor
    real: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._distribution: KnownDistribution | None = None

    def prepare(self, data: ImageSource) -> None:
        """Take the truth from the dataset.

        Raises:
            ConfigError: It has none.
        """
        if self._distribution is not None:
            return
        distribution = getattr(data, "known_distribution", None)
        if distribution is None:
            raise ConfigError(f"metrics.measures: the distribution of {data.facts.name} is not known")
        self._distribution = distribution
        for name in ("samples", "real"):
            self.add_state(name, torch.zeros(distribution.num_cells, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Count images ``(B, C, H, W)`` by cell."""
        assert self._distribution is not None
        if len(images):
            cells, real = self._distribution.assign_modes(images)
            self.samples += torch.bincount(cells, minlength=len(self.samples))
            self.real += torch.bincount(cells[real], minlength=len(self.real))

    def compute(self) -> dict[str, float]:
        """Return the four values."""
        modes = int((self.real > 0).sum())
        share = self.samples.double() / self.samples.sum()
        precision = int(self.real.sum()) / int(self.samples.sum())
        self.margins = {"precision": 1.96 * math.sqrt(precision * (1 - precision) / int(self.samples.sum()))}
        return {
            "precision": precision,
            "recall": modes / len(self.real),
            "modes": float(modes),
            "reverse_kl": float(torch.special.xlogy(share, share * len(share)).sum()),
        }
