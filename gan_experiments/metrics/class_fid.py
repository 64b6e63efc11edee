"""FID within each class."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.class_wise_frechet import ClassMoments, class_wise_frechet_distances

_PER_CLASS = 20  # generated images of a class on average, so that chance leaves none without two


class ClassFID(FeatureMeasure):
    """The Fréchet distance within each class of a conditional generator (intra-FID; Miyato & Koyama 2018).

    It keeps the features and labels of all images. A class has fewer images than the whole, so the values are biased
    upwards by more than the FID is: compare them at one sample count.

    Values:
        ``class_fid``: the mean over classes.
        ``class_fid_worst``: that of the worst class.
    """

    values: ClassVar[tuple[str, ...]] = ("class_fid", "class_fid_worst")
    selection: ClassVar[str] = "class_fid"
    keeps: ClassVar[tuple[str, ...]] = ("features", "labels")

    def min_generated(self, num_features: int, num_classes: int) -> int:
        """A few of each class."""
        return _PER_CLASS * num_classes

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return both; nothing if the real images are too few of a class."""
        both = [_by_class(side) for side in (real, fake)]
        if min(moments.count for moments in both[0].classes) < 2:
            return {}
        distances = class_wise_frechet_distances(*both)
        return {"class_fid": sum(distances) / len(distances), "class_fid_worst": max(distances)}


def _by_class(side: FeatureSet) -> ClassMoments:
    assert side.features is not None
    assert side.labels is not None
    moments = ClassMoments(side.num_classes, side.features.shape[1])
    moments.update(side.features.double(), side.labels)
    return moments
