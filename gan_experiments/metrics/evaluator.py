"""Evaluator: computes all metrics of generated images; each image passes each extractor once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_experiments.core.contracts import Batch
from gan_experiments.core.distributed import all_gather
from gan_experiments.core.precision import full_float32
from gan_experiments.core.randomness import derive_seed
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.metrics.collect import FeatureCollector, PartitionedFeatures, rank_batches
from gan_experiments.metrics.directions import directions
from gan_experiments.metrics.extractors.base import Extractor, ImageSource, WeightsMissingError, versions
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.measure import Measure, update_measures, values_of_real_images
from gan_experiments.metrics.reference import ReferenceStatistics
from gan_experiments.metrics.requirements import (
    refuse_duplicate_values,
    refuse_few_generated,
    refuse_few_real,
    refuse_mismatched_images,
    warn_of_low_rank,
)
from gan_experiments.metrics.uncertainty import jackknife_groups, margins, real_baseline

Sample = Callable[[int, int], Batch]
FeaturesByExtractor = dict[str, PartitionedFeatures]


class Result(NamedTuple):
    """The result of a final evaluation; each mapping is by the name of the value.

    Attributes:
        values: The values of all metrics.
        margins: Their margins of error at 95 % over the choice of generated images, where known.
        real_baseline: The values of real images in place of generated ones: those of a perfect generator.
        real_baseline_spread: The standard deviation of the real baseline over its splits, where there are several.
    """

    values: dict[str, float]
    margins: dict[str, float]
    real_baseline: dict[str, float]
    real_baseline_spread: dict[str, float]


class Evaluator:
    """Compares generated images with all real ones.

    Every measure in feature space is computed in the features of every extractor. Where several processes evaluate
    together, each extracts its share of the images, and all of them must call.

    Args:
        data: The real images.
        extractors: Feature extractors by name. The values of the first are called ``fid``, ``kid`` ..., those of any
            other ``fid/<name>``, ``kid/<name>`` ...
        seed: Seed of everything random in the measures.
        batch_size: Images extracted at a time.
        features: The measures in feature space, by name.
        measures: The measures that need no extractor, by name.
        samples: Generated images of a final evaluation; they limit the splits of the real baseline.

    Attributes:
        left_out: Extractors of the config that are not used, by name, with the reason.

    Raises:
        ConfigError: There is no measure, or no extractor for it, or two measures have values of the same name.
    """

    def __init__(
        self,
        data: ImageSource,
        extractors: Mapping[str, Extractor],
        seed: int,
        batch_size: PositiveInt,
        features: Mapping[str, FeatureMeasure] | None = None,
        measures: Mapping[str, Measure] | None = None,
        samples: int = 10000,
    ) -> None:
        self.extractors = dict(extractors)
        self.features = dict(features or {})
        self.measures = dict(measures or {})
        self.left_out: dict[str, str] = {}
        self._data = data
        self._seed = seed
        self._batch_size = batch_size
        self._samples = samples
        self._references: FeaturesByExtractor = {}
        self._logged: set[str] = set()
        if not ((self.extractors and self.features) or self.measures):
            raise ConfigError("metrics: nothing to compute: there is no measure, or no extractor for it")
        refuse_duplicate_values(self.names)

    def prepare(self) -> None:
        """Load the extractors, or train them; the first evaluation does so if it has not been done.

        Raises:
            ConfigError: Weights are missing, or there are too few real images for a measure.
        """
        for extractor in self.extractors.values():
            extractor.prepare(self._data)
        for name, measure in self.measures.items():
            try:
                measure.prepare(self._data)
            except ValueError as error:
                raise ConfigError(f"metrics.measures.{name}: {error}") from error
        refuse_few_real(self._features(), self._data)

    def check(self, samples: int, key: str, final: bool = True) -> None:
        """Refuse a number of generated images that is too small for one of the measures.

        Args:
            samples: The number.
            key: The config key that it was given at.
            final: Whether it is the number for a final evaluation or for a periodic one.

        Raises:
            ConfigError: The number is too small; the message says how many are needed.
        """
        features = self._features(final)
        refuse_few_generated(features, self.extractors.values(), self._data.facts, samples, key)

    def prepare_available(self, world_size: int = 1) -> dict[str, str]:
        """Prepare, leaving out the extractors whose weights are not available to one of the processes.

        Returns:
            The extractors that were left out, by name, with the reason.

        Raises:
            ConfigError: As ``prepare``, except for missing weights.
        """
        missing: dict[str, str] = {}
        for name, extractor in self.extractors.items():
            try:
                extractor.prepare(self._data)
            except WeightsMissingError as error:
                missing[name] = str(error)
        for others in all_gather(missing) if world_size > 1 else ():
            missing |= others
        self.leave_out(missing)
        self.prepare()
        return missing

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Stop using some of the extractors; if none remains, use the native one."""
        if not reasons:
            return
        self.left_out |= reasons
        self.extractors = {name: extractor for name, extractor in self.extractors.items() if name not in reasons}
        self.extractors = self.extractors or {"native": NativeClassifier()}

    @property
    def names(self) -> list[str]:
        """Names of the values of the first extractor; a result may lack some, such as ``is`` without classes."""
        features = [name for measure in self._features().values() for name in measure.values]
        return features + [name for measure in self.measures.values() for name in measure.values]

    @property
    def selection(self) -> str:
        """The value that the best checkpoint is chosen by.

        Raises:
            ConfigError: No measure of a periodic evaluation has one.
        """
        names = [measure.selection for measure in self._features(final=False).values()]
        names += [measure.selection for measure in self._measures(final=False)]
        chosen = next((name for name in names if name), None)
        if chosen is None:
            raise ConfigError("metrics: none of the measures can choose the best checkpoint; add fid")
        return chosen

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Whether higher is better, for each value whose measure says so, by its name without the extractor."""
        measures: list[FeatureMeasure | Measure] = [*self.features.values(), *self.measures.values()]
        return {name: higher for measure in measures for name, higher in directions(measure).items()}

    def __call__(self, sample: Sample, count: PositiveInt, rank: int = 0, world_size: int = 1) -> dict[str, float]:
        """Compute the metrics of a periodic evaluation.

        Args:
            sample: ``sample(start, n)`` returns the generated images ``start`` to ``start + n``, uint8
                ``(n, C, H, W)``, with their labels. It is called with the same batches for any number of processes.
            count: Images over all processes.
            rank: Rank of this process.
            world_size: Number of processes that share the images.

        Returns:
            Values by name, the same on every process.
        """
        values: dict[str, float] = {}
        for name, fake in self._collect(sample, count, False, rank, world_size).items():
            for key, measure in self._features(final=False).items():
                computed = measure.compute(self._references[name].whole, fake.whole, derive_seed(self._seed, key))
                values |= {self._key(value, name): number for value, number in computed.items()}
        return values | self._compute_measures(final=False)

    def final(self, sample: Sample, count: PositiveInt, rank: int = 0, world_size: int = 1) -> Result:
        """Compute all metrics, with margins of error and real baselines; arguments as for a periodic evaluation."""
        collected = self._collect(sample, count, True, rank, world_size)
        result = Result({}, {}, {}, {})
        for name, fake in collected.items():
            for key, measure in self._features().items():
                real, seed = self._references[name], derive_seed(self._seed, key)
                values, own = measure.with_margins(real.whole, fake.whole, seed)
                errors = margins(measure, own, real.whole, fake, seed)
                for field, part in zip(result, (values, errors, *real_baseline(measure, real, seed)), strict=True):
                    field.update({self._key(value, name): number for value, number in part.items()})
        result.values.update(self._compute_measures(final=True))
        for of_images in self._measures(final=True):
            result.margins.update(of_images.margins)
            if of_images.has_real_baseline:
                baseline = values_of_real_images(of_images, self._data, count, self._batch_size, rank, world_size)
                result.real_baseline.update(baseline)
        return result

    def provenance(self) -> dict[str, Any]:
        """Return how the values were obtained, for the record of a run: plain values."""
        self.prepare()
        return {
            "extractors": {name: extractor.provenance() for name, extractor in self.extractors.items()},
            "left_out": self.left_out,
            **{
                group: {
                    name: {
                        "values": list(each.values),
                        "higher_is_better": directions(each),
                        **each.provenance(),
                    }
                    for name, each in measures.items()
                }
                for group, measures in (("features", self.features), ("measures", self.measures))
            },
            "real_images": len(self._data.images),
            "real_split": self._data.split,
            "data": self._data.fingerprint,
            "seed": self._seed,
            "versions": versions(self.extractors.values()),
        }

    def _collect(self, sample: Sample, count: int, final: bool, rank: int, world_size: int) -> FeaturesByExtractor:
        """Return the features of generated images by extractor; the other measures are updated with the images."""
        measures = self._measures(final)
        for measure in measures:
            measure.reset()
        membership = jackknife_groups(count) if final else jackknife_groups(count, 1)
        collectors = {name: FeatureCollector(membership, self._keeps(final)) for name in self.extractors}
        for start, stop in rank_batches(count, self._batch_size, rank, world_size):
            images, labels = sample(start, stop - start)
            refuse_mismatched_images(images, self._data)
            self._extract_real(images.device, rank, world_size)
            for name, features, logits in self._extract(images):
                collectors[name].add(start, features, logits, labels)
            update_measures(measures, images, labels)
        if rank == 0:
            warn_of_low_rank(self._features(final), self.extractors, count, len(self._data.images), self._logged)
        collected = {name: collector.collected(world_size) for name, collector in collectors.items()}
        for generated in collected.values():
            generated.whole.num_classes = self._data.facts.num_classes
        return collected

    def _compute_measures(self, final: bool) -> dict[str, float]:
        return {name: value for measure in self._measures(final) for name, value in measure.compute().items()}

    def _extract_real(self, device: torch.device, rank: int, world_size: int) -> None:
        if self._references:
            return
        self.prepare()
        for name, extractor in self.extractors.items():
            reference = ReferenceStatistics(self._data, extractor, self._keeps(), self._samples)

            def extract(name: str = name, reference: ReferenceStatistics = reference) -> PartitionedFeatures:
                collector = FeatureCollector(reference.membership, self._keeps())
                for start, stop in rank_batches(len(self._data.images), self._batch_size, rank, world_size):
                    labels = None if self._data.labels is None else self._data.labels[start:stop].to(device)
                    ((_, features, logits),) = self._extract(self._data.images[start:stop].to(device), [name])
                    collector.add(start, features, logits, labels)
                return collector.collected(world_size)

            real = reference.get(extract, device, rank, world_size)
            real.whole.num_classes = self._data.facts.num_classes
            if any(measure.needs_held_out for measure in self.features.values()):
                real.whole.trained = self._data.trained
            self._references[name] = real

    def _extract(
        self, images: Tensor, names: Sequence[str] | None = None
    ) -> Iterator[tuple[str, Tensor, Tensor | None]]:
        # An empty batch is replaced by one image, for the shape of its features.
        shown = images if len(images) else images.new_zeros(1, *images.shape[1:])
        for name in names or self.extractors:
            extractor = self.extractors[name]
            with torch.no_grad(), torch.autocast(images.device.type, enabled=False), full_float32():
                features, logits = extractor.to(images.device)(shown)
            yield name, features[: len(images)], None if logits is None else logits[: len(images)]

    def _features(self, final: bool = True) -> dict[str, FeatureMeasure]:
        """Return the measures in feature space of a final or a periodic evaluation, if there is an extractor."""
        measures = self.features.items() if self.extractors else ()
        return {name: measure for name, measure in measures if final or not measure.final_only}

    def _measures(self, final: bool) -> list[Measure]:
        return [measure for measure in self.measures.values() if final or not measure.final_only]

    def _keeps(self, final: bool = True) -> list[str]:
        return sorted({name for measure in self._features(final).values() for name in measure.keeps})

    def _key(self, measure: str, extractor: str) -> str:
        return measure if extractor == next(iter(self.extractors)) else f"{measure}/{extractor}"
