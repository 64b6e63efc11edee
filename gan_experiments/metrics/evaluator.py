"""Generated images against real ones, each image passing each extractor once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_experiments.core.contracts import Batch
from gan_experiments.core.distributed import from_all_processes
from gan_experiments.core.precision import full_float32
from gan_experiments.core.randomness import derive_seed
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.metrics.collect import Collected, Collector, share
from gan_experiments.metrics.extractors.base import Extractor, ImageSource, WeightsMissingError, versions
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.measure import Measure, of_real_images, take_in
from gan_experiments.metrics.reference import Reference
from gan_experiments.metrics.requirements import (
    refuse_another_kind,
    refuse_few_generated,
    refuse_few_real,
    refuse_repeated,
    warn_of_low_rank,
)
from gan_experiments.metrics.uncertainty import PARTS, dealt_out, margins, real_baseline

Sample = Callable[[int, int], Batch]


class Result(NamedTuple):
    """What an evaluation in full has found, each by the name of the value.

    Attributes:
        values: The measures.
        margins: Their margins of error at 95 % over the images they are means of, where known.
        real_baseline: The same of real images instead of generated ones, what a perfect generator would get.
        real_baseline_spread: The standard deviation of that over the splits it is the mean of, where there are several.
    """

    values: dict[str, float]
    margins: dict[str, float]
    real_baseline: dict[str, float]
    real_baseline_spread: dict[str, float]


class Evaluator:
    """Compares generated images with all real ones.

    Every measure in feature space is computed in every extractor. Where several processes evaluate together, each
    measures its share, and all of them must call.

    Args:
        data: The real images.
        extractors: Feature extractors by the name their values get: those of the first are ``fid``, ``kid`` ..., those
            of any other ``fid/<name>``, ``kid/<name>`` ...
        seed: Of what measures draw at random.
        batch_size: Images extracted at a time.
        features: The measures in feature space, by name.
        measures: What needs no extractor, by name; its values keep their own names.
        samples: Generated images of an evaluation in full, to which the real_baseline's splits are cut.

    Attributes:
        left_out: Why extractors that were asked for are not used, by name.

    Raises:
        ConfigError: There is nothing to measure with, or two measures have a value of one name.
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
        self._references: dict[str, Collected] = {}
        self._warned: set[str] = set()
        if not ((self.extractors and self.features) or self.measures):
            raise ConfigError("metrics: there is nothing to measure with: no measure, or no extractor for it")
        refuse_repeated(self.names)

    def prepare(self) -> None:
        """Load the extractors, or train them; happens by itself at the first evaluation.

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

    def check(self, samples: int, key: str, full: bool = True) -> None:
        """Refuse a number of generated images that is too small for one of the measures.

        Args:
            samples: The number.
            key: Where it was given.
            full: Whether it is that of an evaluation in full.

        Raises:
            ConfigError: Says how many are needed.
        """
        features = self._features(full)
        refuse_few_generated(features, self.extractors.values(), self._data.facts, samples, key)

    def prepare_what_there_is(self, world_size: int = 1) -> dict[str, str]:
        """Prepare, without those extractors whose weights cannot be had by one of the processes.

        Returns:
            Why each of those was left out, by name.

        Raises:
            ConfigError: As ``prepare`` does, of anything but missing weights.
        """
        missing: dict[str, str] = {}
        for name, extractor in self.extractors.items():
            try:
                extractor.prepare(self._data)
            except WeightsMissingError as error:
                missing[name] = str(error)
        for others in from_all_processes(missing) if world_size > 1 else ():
            missing |= others
        self.leave_out(missing)
        self.prepare()
        return missing

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Go on without some of the extractors, and with the native one if that was all of them."""
        if not reasons:
            return
        self.left_out |= reasons
        self.extractors = {name: extractor for name, extractor in self.extractors.items() if name not in reasons}
        self.extractors = self.extractors or {"native": NativeClassifier()}

    @property
    def names(self) -> list[str]:
        """The values' names, of the first extractor; which of them there are is known once images have been seen."""
        features = [name for measure in self._features().values() for name in measure.values]
        return features + [name for measure in self.measures.values() for name in measure.values]

    @property
    def selection(self) -> str:
        """The value that tells the best of several generators: the smallest.

        Raises:
            ConfigError: None of them does.
        """
        told = [measure.selection for measure in self._features(full=False).values()]
        told += [measure.selection for measure in self._measures(full=False)]
        found = next((name for name in told if name), None)
        if found is None:
            raise ConfigError("metrics: none of the measures tells the best generator; add fid")
        return found

    def __call__(self, sample: Sample, count: PositiveInt, rank: int = 0, world_size: int = 1) -> dict[str, float]:
        """Measure ``count`` generated images.

        Args:
            sample: ``sample(start, n)`` returns the generated images ``start`` to ``start + n``, uint8
                ``(n, C, H, W)``, with their labels. It is asked for the same pieces on any number of processes.
            count: Images over all processes.
            rank: This process's place among ``world_size``.
            world_size: Number of processes that share the images.

        Returns:
            Values by name, the same on every process.
        """
        values: dict[str, float] = {}
        for name, fake in self._collect(sample, count, False, rank, world_size).items():
            for key, measure in self._features(full=False).items():
                found = measure.compute(self._references[name].whole, fake.whole, derive_seed(self._seed, key))
                values |= {self._key(value, name): number for value, number in found.items()}
        return values | self._of_images(full=False)

    def final(self, sample: Sample, count: PositiveInt, rank: int = 0, world_size: int = 1) -> Result:
        """Measure as above, and what the values are worth: margins of error, and the values of real images."""
        collected = self._collect(sample, count, True, rank, world_size)
        result = Result({}, {}, {}, {})
        for name, fake in collected.items():
            for key, measure in self._features().items():
                real, seed = self._references[name], derive_seed(self._seed, key)
                values, known = measure.with_margins(real.whole, fake.whole, seed)
                worth = margins(measure, known, real.whole, fake, seed), *real_baseline(measure, real, seed)
                for gathered, told in zip(result, (values, *worth), strict=True):
                    gathered.update({self._key(value, name): number for value, number in told.items()})
        result.values.update(self._of_images(full=True))
        for of_images in self._measures(full=True):
            result.margins.update(of_images.margins)
            if of_images.has_real_baseline:
                real_ones = of_real_images(of_images, self._data, count, self._batch_size, rank, world_size)
                result.real_baseline.update(real_ones)
        return result

    def provenance(self) -> dict[str, Any]:
        """Say what the values were obtained with, for a record: plain values."""
        self.prepare()
        return {
            "extractors": {name: extractor.provenance() for name, extractor in self.extractors.items()},
            "left_out": self.left_out,
            **{
                group: {name: {"values": list(each.values), **each.provenance()} for name, each in measures.items()}
                for group, measures in (("features", self.features), ("measures", self.measures))
            },
            "real_images": len(self._data.images),
            "real_split": self._data.split,
            "data": self._data.fingerprint,
            "seed": self._seed,
            "versions": versions(self.extractors.values()),
        }

    def _collect(self, sample: Sample, count: int, full: bool, rank: int, world_size: int) -> dict[str, Collected]:
        """Take in generated images; return the sets by extractor. Other measures take them in by themselves."""
        measures = self._measures(full)
        for measure in measures:
            measure.reset()
        membership = dealt_out(count, PARTS if full else 1)
        collectors = {name: Collector(membership, self._keeps(full)) for name in self.extractors}
        for start, stop in share(count, self._batch_size, rank, world_size):
            images, labels = sample(start, stop - start)
            refuse_another_kind(images, self._data)
            self._extract_real(images.device, rank, world_size)
            for name, features, logits in self._extract(images):
                collectors[name].add(start, features, logits, labels)
            take_in(measures, images, labels)
        if rank == 0:
            warn_of_low_rank(self._features(full), self.extractors, count, len(self._data.images), self._warned)
        collected = {name: collector.collected(world_size) for name, collector in collectors.items()}
        for generated in collected.values():
            generated.whole.num_classes = self._data.facts.num_classes
        return collected

    def _of_images(self, full: bool) -> dict[str, float]:
        return {name: value for measure in self._measures(full) for name, value in measure.compute().items()}

    def _extract_real(self, device: torch.device, rank: int, world_size: int) -> None:
        if self._references:
            return
        self.prepare()
        for name, extractor in self.extractors.items():
            reference = Reference(self._data, extractor, self._keeps(), self._samples)

            def extract(name: str = name, reference: Reference = reference) -> Collected:
                collector = Collector(reference.membership, self._keeps())
                for start, stop in share(len(self._data.images), self._batch_size, rank, world_size):
                    labels = None if self._data.labels is None else self._data.labels[start:stop].to(device)
                    ((_, features, logits),) = self._extract(self._data.images[start:stop].to(device), [name])
                    collector.add(start, features, logits, labels)
                return collector.collected(world_size)

            found = reference.get(extract, device, rank, world_size)
            found.whole.num_classes = self._data.facts.num_classes
            if any(measure.needs_held_out for measure in self.features.values()):
                found.whole.trained = self._data.trained
            self._references[name] = found

    def _extract(
        self, images: Tensor, names: Sequence[str] | None = None
    ) -> Iterator[tuple[str, Tensor, Tensor | None]]:
        shown = images if len(images) else images.new_zeros(1, *images.shape[1:])  # for the shape of what comes out
        for name in names or self.extractors:
            extractor = self.extractors[name]
            with torch.no_grad(), torch.autocast(images.device.type, enabled=False), full_float32():
                features, logits = extractor.to(images.device)(shown)
            yield name, features[: len(images)], None if logits is None else logits[: len(images)]

    def _features(self, full: bool = True) -> dict[str, FeatureMeasure]:
        """Return the measures that there is an extractor for, those of an evaluation in full or of a row."""
        measures = self.features.items() if self.extractors else ()
        return {name: measure for name, measure in measures if full or not measure.final_only}

    def _measures(self, full: bool) -> list[Measure]:
        return [measure for measure in self.measures.values() if full or not measure.final_only]

    def _keeps(self, full: bool = True) -> list[str]:
        return sorted({name for measure in self._features(full).values() for name in measure.keeps})

    def _key(self, measure: str, extractor: str) -> str:
        return measure if extractor == next(iter(self.extractors)) else f"{measure}/{extractor}"
