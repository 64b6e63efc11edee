"""What measures ask of images before anything is computed; what is not so is refused with what would be."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from torch import Tensor

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.metrics.extractors.base import Extractor, ImageSource
from gan_experiments.metrics.features import FeatureMeasure

_log = logging.getLogger(__name__)

Features = Mapping[str, FeatureMeasure]


def refuse_repeated(names: list[str]) -> None:
    """Refuse two values of one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"metrics: two measures have values called {', '.join(twice)}")


def refuse_few_generated(
    features: Features, extractors: Iterable[Extractor], facts: DataFacts, count: int, key: str
) -> None:
    """Refuse a number of generated images, given at ``key``, that is too small for one of the measures."""
    longest = max((getattr(extractor, "num_features", 0) for extractor in extractors), default=0)
    needs = {name: measure.min_generated(longest, facts.num_classes) for name, measure in features.items()}
    _refuse_few(needs, count, f"{key}: {count} generated images")


def warn_of_low_rank(
    features: Features, extractors: Mapping[str, Extractor], generated: int, real: int, told: set[str]
) -> None:
    """Say which FIDs come from covariances without full rank and how many images it takes, unless ``told`` before."""
    for name, extractor in extractors.items() if any("fid" in measure.values for measure in features.values()) else ():
        needed = extractor.num_features + 1
        counts = {"generated": generated, "real": real}
        short = " and ".join(f"{count:,} {kind} images" for kind, count in counts.items() if count < needed)
        line = f"FID in {name} features has covariances without full rank, from {short}: it is biased upwards, "
        line += f"and compares at this number only; {needed:,} have full rank"
        if short and line not in told:
            told.add(line)
            _log.warning(line)


def refuse_few_real(features: Features, data: ImageSource) -> None:
    """Refuse a dataset that is too small for one of the measures, or has been trained on as a whole."""
    count = len(data.images)
    needs = {name: measure.min_images for name, measure in features.items()}
    _refuse_few(needs, count, f"metrics: {count} images in {data.facts.name}")
    for name, measure in features.items():
        if measure.needs_held_out and (data.trained is None or data.trained.all()):
            told = f"needs real images that are not trained on: leave some out with dataset.limit= (there are {count})"
            raise ConfigError(f"metrics.features.{name}: {told}")


def refuse_another_kind(images: Tensor, data: ImageSource) -> None:
    """Refuse generated images that differ from the real ones in type, channels or size."""
    real, name = data.images, data.facts.name
    if images.dtype != real.dtype:
        told = f"{images.dtype} in [{images.min():.3g}, {images.max():.3g}]" if len(images) else str(images.dtype)
        advice = "gan_experiments.core.images.to_uint8 maps [-1, 1] there"
        raise ConfigError(f"generated images are {told}, those of {name} {real.dtype}: {advice}")
    for what, place in (("channels", 1), ("pixels in height", 2), ("pixels in width", 3)):
        if images.shape[place] != real.shape[place]:
            found = f"{images.shape[place]} {what}, those of {name} {real.shape[place]}"
            raise ConfigError(f"generated images have {found}: they are compared as they are, not made alike")


def _refuse_few(needs: Mapping[str, int], count: int, told: str) -> None:
    problems = [
        f"{told} are too few for {name}, which needs {needed}" for name, needed in needs.items() if count < needed
    ]
    if problems:
        raise ConfigError(problems)
