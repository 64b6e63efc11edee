"""Evaluator: computes all metrics of generated images; each image passes each extractor once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gan_experiments.core.contracts import Batch
from gan_experiments.core.distributed import all_gather
from gan_experiments.core.estimate import Estimate
from gan_experiments.core.randomness import derive_seed
from gan_experiments.core.step import Generated, Translated
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.core.weights import WeightsMissingError
from gan_experiments.metrics.directions import directions
from gan_experiments.metrics.extractors.base import Extractor, ImageSource, extract, versions
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.measure import Evaluated, Measure, update_measure
from gan_experiments.metrics.processes import ALONE, Processes
from gan_experiments.metrics.reference import ReferenceStatistics
from gan_experiments.metrics.requirements import (
    refuse_duplicate_values,
    refuse_few_generated,
    refuse_few_real,
    refuse_mismatched_images,
    warn_of_low_rank,
)

Sample = Callable[[int, int], Batch | Generated | Translated]


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
    ) -> None:
        self.extractors = dict(extractors)
        self.features = dict(features or {})
        self.measures = dict(measures or {})
        self.left_out: dict[str, str] = {}
        self._data = data
        self._seed = seed
        self._batch_size = batch_size
        self._bound: list[tuple[str, FeatureMeasure]] | None = None  # each after the name of its extractor
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
        """Refuse a number of generated images, given at a ``key`` of the config, that is too small for a measure.

        Raises:
            ConfigError: The number is too small; the message says how many are needed.
        """
        features = self._features(final)
        refuse_few_generated(features, self.extractors.values(), self._data.facts, samples, key)

    def prepare_available(self) -> dict[str, str]:
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
        for others in all_gather(missing):
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
            text = "none of the measures can choose the best checkpoint; add fid: metrics=[native,...]"
            raise ConfigError(f"metrics: {text}")
        return chosen

    def refuse_of_images(self) -> None:
        """Refuse measures that images alone are not enough for.

        Raises:
            ConfigError: Names them.
        """
        whole = [name for name, each in self.measures.items() if type(each).update_batch is not Measure.update_batch]
        if whole:
            text = "needs a generator, not images alone: run=..."
            raise ConfigError([f"metrics.measures.{name}: {text}" for name in whole])

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Whether higher is better, for each value whose measure says so, by its name without the extractor."""
        measures: list[Measure] = [*self.features.values(), *self.measures.values()]
        return {name: higher for measure in measures for name, higher in directions(measure).items()}

    def __call__(self, sample: Sample, count: PositiveInt, processes: Processes = ALONE) -> dict[str, float]:
        """Compute the metrics of a periodic evaluation.

        Args:
            sample: ``sample(start, n)`` returns the generated images ``start`` to ``start + n``, uint8
                ``(n, C, H, W)``, with their labels. It is called with the same batches for any number of processes.
            count: Images over all processes.
            processes: The processes that share the images.

        Returns:
            Values by name, the same on every process.
        """
        values: dict[str, float] = {}
        evaluated = Evaluated(self._data, count, self._batch_size, processes)
        for extractor, measure in self._update(sample, evaluated, False):
            processes.between()
            values |= {self._key(name, extractor): value for name, value in measure.scores().items()}
            measure.reset()  # frees its memory
        return values

    def final(self, sample: Sample, count: PositiveInt, processes: Processes = ALONE) -> dict[str, Estimate]:
        """Compute all metrics, with margins of error and real baselines; arguments as for a periodic evaluation."""
        evaluated = Evaluated(self._data, count, self._batch_size, processes)
        estimates: dict[str, Estimate] = {}
        for extractor, measure in self._update(sample, evaluated, True):
            processes.between()
            own = measure.estimates(evaluated)
            estimates |= {self._key(name, extractor): estimate for name, estimate in own.items()}
            measure.reset()
        return estimates

    def provenance(self) -> dict[str, Any]:
        """Return how the values were obtained, for the record of a run: plain values."""
        self.prepare()
        return {
            "extractors": {name: extractor.provenance() for name, extractor in self.extractors.items()},
            "left_out": self.left_out,
            **{
                group: {
                    name: {"values": list(each.values), "higher_is_better": directions(each), **each.provenance()}
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

    def _update(self, sample: Sample, evaluated: Evaluated, final: bool) -> list[tuple[str, Measure]]:
        """Update all measures with generated images; return each, after the name of its extractor, if it has one."""
        count, of_images = evaluated.samples, self._measures(final)
        for measure in of_images:
            measure.reset()
        in_features: list[tuple[str, FeatureMeasure]] | None = None
        for start, stop in evaluated.batches(count):
            batch = sample(start, stop - start)
            images, labels = batch.images, batch.labels
            refuse_mismatched_images(images, self._data)
            if in_features is None:
                in_features = self._start(start, final, images.device, evaluated)
            for name, extractor in self.extractors.items():
                extracted = extract(extractor.to(images.device), images)
                for measure in (measure for key, measure in in_features if key == name):
                    measure.update(extracted, real=False, labels=labels)
            for measure in of_images:
                update_measure(measure, batch)
        if evaluated.processes.rank == 0:
            warn_of_low_rank(self._features(final), self.extractors, count, len(self._data.images), self._logged)
        return [*(in_features or ()), *(("", measure) for measure in of_images)]

    def _start(
        self, position: int, final: bool, device: torch.device, evaluated: Evaluated
    ) -> list[tuple[str, FeatureMeasure]]:
        """Return the empty measures in feature space, each after the name of its extractor."""
        if self._bound is None:
            self.prepare()
            self._bound = self._bind(device, evaluated)
        measures = [(name, measure) for name, measure in self._bound if final or not measure.final_only]
        for _, measure in measures:
            measure.start(position, final)
        return measures

    def _bind(self, device: torch.device, evaluated: Evaluated) -> list[tuple[str, FeatureMeasure]]:
        """Return a copy of each measure in feature space for each extractor, with the features of the real images."""
        target = torch.device("cpu") if device.type == "mps" else device  # MPS does not support float64
        features, bound = self._features(), []
        keeps = sorted({name for measure in features.values() for name in measure.keeps})
        for name, extractor in self.extractors.items() if features else ():
            statistics = ReferenceStatistics(self._data, extractor, keeps)
            real = statistics.get(self._batch_size, device, evaluated.processes)
            for key, measure in features.items():
                bound.append((name, measure.bound(real, derive_seed(self._seed, key)).to(target)))
        return bound

    def _features(self, final: bool = True) -> dict[str, FeatureMeasure]:
        """Return the measures in feature space of a final or a periodic evaluation, if there is an extractor."""
        measures = self.features.items() if self.extractors else ()
        return {name: measure for name, measure in measures if final or not measure.final_only}

    def _measures(self, final: bool) -> list[Measure]:
        return [measure for measure in self.measures.values() if final or not measure.final_only]

    def _key(self, value: str, extractor: str) -> str:
        return value if extractor in ("", next(iter(self.extractors), "")) else f"{value}/{extractor}"
