"""Distance of the generated distribution from the equilibrium, on datasets for which it is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import Gaussian, gaussian_from_sums
from gan_experiments.metrics.measure import Measure


class EquilibriumDistance(Measure):
    """2-Wasserstein distance of a Gaussian with the samples' mean and covariance from that of the equilibrium.

    For the Dirac-GAN it is the distance of the generated point from 0; for a linear generator on a Gaussian it is 0 at
    the principal components, up to the error of estimating a covariance.
    """

    values: ClassVar[tuple[str, ...]] = ("equilibrium_distance",)
    selection: ClassVar[str] = "equilibrium_distance"
    higher_is_better = False
    count: Tensor
    sums: Tensor
    products: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._equilibrium: Tensor | None = None

    def prepare(self, data: ImageSource) -> None:
        """Take the equilibrium's covariance, around a mean of 0, from the dataset.

        Raises:
            ConfigError: The equilibrium is not known.
        """
        if self._equilibrium is not None:
            return
        covariance: Tensor | None = getattr(data, "equilibrium", None)
        if covariance is None:
            raise ConfigError(f"metrics.measures: the equilibrium on {data.facts.name} is not known")
        self._equilibrium = covariance
        zeros = {"count": torch.zeros((), dtype=torch.int64), "products": torch.zeros_like(covariance)}
        for name, state in (zeros | {"sums": torch.zeros_like(covariance[0])}).items():
            self.add_state(name, state, dist_reduce_fx="sum")

    def update(self, images: Tensor, real: bool = False, labels: Tensor | None = None) -> None:
        """Add generated points ``(B, D, 1, 1)``; real ones are ignored."""
        if not real:
            points = images.flatten(1).double()
            self.count += len(points)
            self.sums += points.sum(0)
            self.products += points.T @ points

    def compute(self) -> float:
        """Return the distance."""
        assert self._equilibrium is not None
        origin = torch.zeros_like(self.sums)
        generated = gaussian_from_sums(int(self.count), origin, self.sums, self.products)
        return math.sqrt(frechet_distance(generated, Gaussian(2, origin, self._equilibrium.to(origin.device))))

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a dataset on which the equilibrium is not known."""
        yield from super().check(key, options, config)
        dataset = config.component("dataset")
        if dataset and not getattr(dataset, "has_equilibrium", False):
            text = f"the equilibrium on {dataset.__name__} is not known"
            yield Problem(key, f"{text}; take dataset=dirac or dataset=gaussian")
