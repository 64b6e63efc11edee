"""Checks before an evaluation: enough images for every metric, of the right type and size."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from torch import Tensor

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.metrics.extractors.base import Extractor, ImageSource
from gan_experiments.metrics.features import FeatureMeasure

_log = logging.getLogger(__name__)

Features = Mapping[str, FeatureMeasure]


def refuse_duplicate_values(names: list[str]) -> None:
    """Refuse two values of the same name."""
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise ConfigError(f"metrics: two measures have values called {', '.join(duplicates)}")


def refuse_few_generated(
    features: Features, extractors: Iterable[Extractor], facts: DataFacts, count: int, key: str
) -> None:
    """Refuse a number of generated images, given at ``key``, that is too small for one of the measures."""
    longest = max((getattr(extractor, "num_features", 0) for extractor in extractors), default=0)
    needs = {name: measure.min_generated(longest, facts.num_classes) for name, measure in features.items()}
    _refuse_few(features, needs, count, f"{key}: {count} generated images")


def warn_of_low_rank(
    features: Features, extractors: Mapping[str, Extractor], generated: int, real: int, already_logged: set[str]
) -> None:
    """Log, once each, which FIDs use rank-deficient covariances and how many images have full rank."""
    for name, extractor in extractors.items() if any("fid" in measure.values for measure in features.values()) else ():
        needed = extractor.num_features + 1
        counts = {"generated": generated, "real": real}
        short = " and ".join(f"{count:,} {kind} images" for kind, count in counts.items() if count < needed)
        line = f"FID in {name} features uses rank-deficient covariances, from {short}: it is biased upwards, "
        line += f"and compares at this number of images only; {needed:,} images give full rank"
        if short and line not in already_logged:
            already_logged.add(line)
            _log.warning(line)


def refuse_few_real(features: Features, data: ImageSource) -> None:
    """Refuse a dataset with too few images for one of the measures: of all, or of those trained on, or left out."""
    count = len(data.images)
    needs = {name: measure.min_images for name, measure in features.items()}
    _refuse_few(features, needs, count, f"metrics: {count} images in {data.facts.name}")
    trained = count if data.trained is None else int(data.trained.sum())
    needs = {name: measure.min_trained for name, measure in features.items()}
    _refuse_few(features, needs, trained, f"metrics: {trained} images of {data.facts.name} that are trained on")
    for name, measure in features.items():
        if count - trained < measure.min_held_out:
            need = f"needs real images that are not trained on: leave some out with dataset.limit= (there are {count})"
            raise ConfigError(f"metrics.features.{name}: {need}")


def refuse_mismatched_images(images: Tensor, data: ImageSource) -> None:
    """Refuse generated images that differ from the real ones in type, channels or size."""
    real, name = data.images, data.facts.name
    if images.dtype != real.dtype:
        actual = f"{images.dtype} in [{images.min():.3g}, {images.max():.3g}]" if len(images) else str(images.dtype)
        advice = "gan_experiments.core.images.as_measured converts from [-1, 1]"
        raise ConfigError(f"generated images are {actual}, those of {name} {real.dtype}: {advice}")
    for unit, dimension in (("channels", 1), ("pixels in height", 2), ("pixels in width", 3)):
        if images.shape[dimension] != real.shape[dimension]:
            sizes = f"{images.shape[dimension]} {unit}, those of {name} {real.shape[dimension]}"
            raise ConfigError(f"generated images have {sizes}: images are not resized or converted before comparison")


def _refuse_few(features: Features, needs: Mapping[str, int], count: int, subject: str) -> None:
    problems = []
    for name, needed in needs.items():
        if count < needed:
            option = features[name].fewest_option if needed == features[name].min_images else ""
            hint = f" (metrics.features.{name}.{option})" if option else ""
            problems.append(f"{subject} are too few for {name}, which needs {needed}{hint}")
    if problems:
        raise ConfigError(problems)
