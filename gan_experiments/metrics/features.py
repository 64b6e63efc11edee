"""Base class of metrics that compare features of real and generated images: FID, KID, precision and others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from gan_experiments.metrics.baseline_cache import cached_baselines
from gan_experiments.metrics.collect import FeatureStates
from gan_experiments.metrics.extractors.base import Extracted, extract
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.functional.margins import JACKKNIFE_GROUPS, jackknife_margin
from gan_experiments.metrics.measure import Baseline, Evaluated, Measure, Values, named

Sets = tuple[PartitionedFeatures, PartitionedFeatures]


class FeatureMeasure(Measure, FeatureStates):
    """A metric of generated images in the features of an extractor: a function of two feature sets, ``compare``.

    Attributes:
        keeps: What it needs of all images: ``"moments"``, or of every image ``"features"``, ``"logits"``, ``"labels"``.
        compares_with_real: Whether it needs real images at all.
        fewest_option: The option that ``min_images`` follows from; empty: none.
        min_trained: The smallest number of real images that the generator was trained on.
        min_held_out: The same of those that it was not trained on; 0: none are needed.
        supports_jackknife: Whether it is fast enough to be computed a dozen times more: its margin of error then comes
            from the jackknife.
        baseline_version: Version of what ``expected`` computes, to be raised with every change of it. It is then cached
            by real images, extractor, options and ``samples``, so it must depend on nothing else. 0: it is computed in
            each evaluation.
        reference: The features of the real images if they have been extracted before; those of ``update`` are ignored.
        seed: Seed of everything random in it.

    Args:
        feature: An extractor, or any module that maps images to features ``(B, F)``, or to features and logits.
        reset_real_features: Whether ``reset`` also forgets the real images.
    """

    higher_is_better: Any = None
    keeps: ClassVar[tuple[str, ...]] = ()
    compares_with_real: ClassVar[bool] = True
    fewest_option: ClassVar[str] = ""
    min_trained: ClassVar[int] = 0
    min_held_out: ClassVar[int] = 0
    supports_jackknife: ClassVar[bool] = False
    baseline_version: ClassVar[int] = 0
    provided: ClassVar[tuple[str, ...]] = ("feature", "reset_real_features")
    feature_network: str = "inception"  # the name that torchmetrics has for it, by which FeatureShare finds it
    inception: nn.Module

    def __init__(self, feature: nn.Module | None = None, reset_real_features: bool = True) -> None:
        super().__init__()
        if feature is not None:
            self.inception = feature
        self.reset_real_features = reset_real_features
        self.reference: PartitionedFeatures | None = None
        self.seed = 0
        self._parts = JACKKNIFE_GROUPS if self.supports_jackknife else 1
        self._position = 0  # index of the next generated image
        for side in ("real", "fake") if self.compares_with_real else ("fake",):
            self.keep(side, self.keeps)

    @property
    def min_images(self) -> int:
        """The smallest number of images, real and generated, that it is defined for."""
        return 2

    def min_generated(self, num_features: int, num_classes: int) -> int:
        """Return the smallest number of generated images; ``num_features`` is 0 while it is unknown."""
        return self.min_images

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return its ``values`` by name; everything random is a function of ``seed``.

        A subclass has this or ``compare_with_margins``.
        """
        if type(self).compare_with_margins is FeatureMeasure.compare_with_margins:
            raise NotImplementedError
        return self.compare_with_margins(real, fake, seed)[0]

    def compare_with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[Values, Values]:
        """Return its values, and the margins of error at 95 % of those for which it knows one itself."""
        return self.compare(real, fake, seed), {}

    def update(self, images: Tensor | Extracted, real: bool, labels: Tensor | None = None) -> None:
        """Add images ``(B, C, H, W)``, or what has been extracted from them, and their labels ``(B,)``.

        Raises:
            ValueError: There is no extractor.
        """
        if real and (self.reference is not None or not self.compares_with_real):
            return
        if not isinstance(images, Extracted):
            if "inception" not in self._modules:
                raise ValueError(f"{type(self).__name__} needs an extractor: {type(self).__name__}(feature=...)")
            images = extract(self.inception, images)
        count, parts = len(images.features), 1 if real else self._parts
        membership = torch.arange(0 if real else self._position, count if real else self._position + count) % parts
        self._position += 0 if real else count
        self.collect("real" if real else "fake", membership, parts, *images, labels)

    def compute(self) -> Any:
        """Return its values by name, float64 scalars, over the images of all processes."""
        real, fake = self._sets()
        computed = self.compare(real.whole, fake.whole, self.seed)
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in computed.items()}

    def reset(self) -> None:
        """Forget the images: all of them, or the generated ones."""
        defaults, self._position = self._defaults, 0
        self._defaults = {
            name: default for name, default in defaults.items() if self.reset_real_features or name.startswith("fake_")
        }
        for name in self._defaults:
            setattr(self, name, [])
        Metric.reset(self)  # not that of a parent class of torchmetrics, which has other states
        self._defaults = defaults

    def start(self, position: int, final: bool) -> None:
        """Reset before an evaluation, in which this process begins with the generated image ``position``."""
        self.reset()
        self._position = position
        self._parts = JACKKNIFE_GROUPS if final else 1

    def bound(self, reference: PartitionedFeatures, seed: int) -> FeatureMeasure:
        """Return an empty copy that compares with the real images of a reference."""
        copy = deepcopy(self)
        copy.reference, copy.seed = reference, seed
        return copy

    def scores(self) -> Values:
        """Return its ``values`` by name, over the images of all processes."""
        with self._synced() as (real, fake):
            return named(self, "compare", self.compare(real.whole, fake.whole, self.seed))

    def scores_and_margins(self) -> tuple[Values, Values]:
        """Return its values and their margins of error over the choice of generated images.

        They are its own if it knows any; else, if it ``supports_jackknife``, those of the jackknife: it is computed
        again without each tenth of the generated images.
        """
        with self._synced() as (real, fake):
            values, own = self.compare_with_margins(real.whole, fake.whole, self.seed)
            values = named(self, "compare", values)
            groups = range(min(self._parts, len(fake.whole)))
            too_small = len(groups) < JACKKNIFE_GROUPS or len(fake.without_part(0)) < self.min_images
            if own or not self.supports_jackknife or too_small:
                return values, own
            without = [self.compare(real.whole, fake.without_part(group), self.seed) for group in groups]
            return values, {name: jackknife_margin([each[name] for each in without]) for name in without[0]}

    def real_baseline(self, evaluated: Evaluated) -> dict[str, Baseline]:
        """Return what a perfect generator gets, by name, cached if it can be; nothing without a ``reference``."""
        real, samples = self.reference, evaluated.samples
        if real is None or not (real.source and self.baseline_version):
            return {} if real is None else self.expected(real, samples)
        cls = type(self)
        recipe = {
            "measure": f"{cls.__module__}.{cls.__qualname__}",
            "version": self.baseline_version,
            "options": self.provenance(),
            "source": real.source,
            "classes": real.whole.num_classes,
            "samples": samples,
        }
        return cached_baselines(recipe, lambda: self.expected(real, samples))

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return mean and standard deviation of its ``values``, for new draws in place of the generated ``samples``.

        Here nothing: it is for subclasses to know.
        """
        return {}

    @contextmanager
    def _synced(self) -> Iterator[Sets]:
        with self.sync_context(self.dist_sync_fn, should_sync=self._to_sync, should_unsync=self._should_unsync):
            yield self._sets()

    def _sets(self) -> Sets:
        """Return the real and the generated images.

        Raises:
            ValueError: There are none.
        """
        fake = self.collected("fake")
        fake.membership = torch.arange(len(fake.whole)) % self._parts
        real = self.reference or (self.collected("real") if self.compares_with_real else fake)
        for kind, each in (("real", real), ("generated", fake)):
            if any(getattr(each.whole, name) is None for name in self.keeps if name in ("moments", "features")):
                raise ValueError(f"{type(self).__name__} has no {kind} images")
        if self.reference is None and "labels" in self.keeps:
            labels = [int(each.whole.labels.max()) for each in (real, fake) if each.whole.labels is not None]
            real.whole.num_classes = 1 + max(labels, default=-1)
        fake.whole.num_classes = real.whole.num_classes
        return real, fake
