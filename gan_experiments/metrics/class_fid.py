"""Class-wise FID (intra-FID)."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.class_wise_frechet import class_wise_frechet_distances
from gan_experiments.metrics.functional.expected_frechet import BASELINE_PARTS, expected_class_wise_distances
from gan_experiments.metrics.measure import Baseline, Values

_PER_CLASS = 20  # generated images of a class on average, so that every class has at least two


class ClassFID(FeatureMeasure):
    """FID within each class of a conditional generator (intra-FID; Miyato & Koyama 2018).

    Keeps the features and labels of all images. A class has fewer images than the whole dataset, so the values are
    biased upwards by more than the FID is: compare them at one sample count only.

    Values:
        ``class_fid``: the mean over classes.
        ``class_fid_worst``: the largest of all classes.
    """

    values: ClassVar[tuple[str, ...]] = ("class_fid", "class_fid_worst")
    higher_is_better = False
    selection: ClassVar[str] = "class_fid"
    keeps: ClassVar[tuple[str, ...]] = ("features", "labels")
    baseline_version: ClassVar[int] = 1

    def min_generated(self, num_features: int, num_classes: int) -> int:
        """Return 20 images for each class."""
        return _PER_CLASS * num_classes

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return both values; none if a class has fewer than two real images."""
        assert real.labels is not None
        assert fake.labels is not None
        if real.labels.bincount(minlength=real.num_classes).min() < 2:
            return {}
        sets = real.rows.double(), real.labels, fake.rows.double(), fake.labels
        distances = class_wise_frechet_distances(*sets, real.num_classes)
        return {"class_fid": sum(distances) / len(distances), "class_fid_worst": max(distances)}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the expected values, for as many samples of each class; nothing for a class below 16 real images."""
        labels, classes = real.whole.labels, real.whole.num_classes
        if labels is None or labels.bincount(minlength=classes).min() < 2 * BASELINE_PARTS:
            return {}
        order = Stream("real baseline", "classes").permutation(len(labels)).to(labels.device)
        features = real.whole.rows[order]
        distances = expected_class_wise_distances(features, labels[order], classes, samples / classes)
        each = {"class_fid": distances.mean(1), "class_fid_worst": distances.amax(1)}
        return {name: Baseline(values.mean().item(), values.std().item()) for name, values in each.items()}
