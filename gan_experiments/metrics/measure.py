"""Base class of all metrics: a torchmetrics metric with named values, directions, margins and real baselines."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.estimate import Estimate
from gan_experiments.core.precision import full_float32
from gan_experiments.core.randomness import Stream
from gan_experiments.core.step import Batch, Generated, Translated
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.collect import cpu_if_mps, gather_rows
from gan_experiments.metrics.directions import directions
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.processes import ALONE, Processes

Values = dict[str, float]


class Baseline(NamedTuple):
    """A real baseline: the expected value of a perfect generator, and its standard deviation, if it is known."""

    value: float
    spread: float | None = None


class Evaluated(NamedTuple):
    """What an evaluation compares: real images with a number of generated ``samples``, ``batch_size`` at a time."""

    data: ImageSource
    samples: int
    batch_size: int
    processes: Processes = ALONE

    def batches(self, count: int) -> Iterator[tuple[int, int]]:
        """Yield this process's share of ``count`` images, as (start, stop)."""
        return self.processes.each_batch(count, self.batch_size)


class Measure(Metric):
    """A metric of generated images; torchmetrics combines its state over processes.

    Options are public attributes with the names of the constructor's arguments. Class attributes describe the metric.
    A subclass has ``update(images, real=False, labels=None)`` and ``compute``, which returns its values: one, several
    in the order of ``values``, or a mapping by name.

    Attributes:
        values: Names of the values it computes.
        higher_is_better: Whether higher is better; a mapping if that differs among its ``values``; ``None``: unknown.
        selection: The value that the best checkpoint is chosen by; empty: none of them.
        needs_labels: Whether images must have labels.
        final_only: Whether it is computed in the final evaluation only, because it takes long.
        has_real_baseline: Whether its values for as many real images are those of a perfect generator.
        needs_known_distribution: Whether the distribution of the dataset must be known.
        provided: Constructor arguments that a config cannot set.
        config_key: Where the config has it, which messages name.
        margins: The margins of error at 95 % of the values last computed, of those for which it knows one.
    """

    full_state_update = False
    values: ClassVar[tuple[str, ...]] = ()
    higher_is_better: Any = None
    selection: ClassVar[str] = ""
    needs_labels: ClassVar[bool] = False
    final_only: ClassVar[bool] = False
    has_real_baseline: ClassVar[bool] = False
    needs_known_distribution: ClassVar[bool] = False
    provided: ClassVar[tuple[str, ...]] = ()
    config_key: str = "metrics"

    def __init__(self) -> None:
        # Not that of a parent class of torchmetrics, which adds states of its own.
        Metric.__init__(self, dist_sync_fn=gather_rows)
        self.margins: Values = {}

    def prepare(self, data: ImageSource) -> None:
        """Take what it needs from the real images; a second call does nothing."""

    def update_batch(self, batch: Batch | Generated | Translated) -> None:
        """Add generated images; measures of translators, and of what a generator makes of a path, override it."""
        self.update(batch.images, labels=batch.labels)

    def scores(self) -> Values:
        """Return its ``values`` by name, over the images of all processes, and set ``margins``.

        Raises:
            ConfigError: ``compute`` returned other values.
        """
        return named(self, "compute", self.compute())

    def scores_and_margins(self) -> tuple[Values, Values]:
        """Return its values, and the margins of error at 95 % of those for which it knows one."""
        values = self.scores()
        return values, dict(self.margins)

    def estimates(self, evaluated: Evaluated) -> dict[str, Estimate]:
        """Return its values with margins of error, real baselines and directions; all processes must call."""
        values, margins = self.scores_and_margins()
        baselines, better = self.real_baseline(evaluated), directions(self)
        return {
            name: Estimate(
                value,
                margin=margins.get(name),
                real_baseline=baselines[name].value if name in baselines else None,
                real_baseline_spread=baselines[name].spread if name in baselines else None,
                higher_is_better=better.get(name),
            )
            for name, value in values.items()
        }

    def real_baseline(self, evaluated: Evaluated) -> dict[str, Baseline]:
        """Return the values of a perfect generator, by name: here those of as many random real images, or of all.

        Resets the measure.
        """
        if not self.has_real_baseline:
            return {}
        data = evaluated.data
        chosen = Stream("real baseline", "images").permutation(len(data.images))[: evaluated.samples]
        self.reset()
        for start, stop in evaluated.batches(len(chosen)):
            part = chosen[start:stop]
            labels = None if data.labels is None else data.labels[part]
            update_measure(self, Batch(data.images[part].to(self.device), labels))
        values = self.scores()
        self.reset()
        return {name: Baseline(value) for name, value in values.items()}

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot a value, or several that ``compute`` has returned; of a tuple, which mean and spread are, the first."""
        val = self.compute() if val is None else val
        val = val[0] if isinstance(val, tuple) else val
        if isinstance(val, dict):
            val = {name: torch.as_tensor(value) for name, value in val.items()}
        return self._plot(val, ax)

    def provenance(self) -> dict[str, Any]:
        """Return what its values depend on besides the images: its options, as plain values."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name not in self.provided and hasattr(self, name)}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a dataset whose distribution is not known, if it must be."""
        dataset = config.component("dataset")
        if cls.needs_known_distribution and dataset and not getattr(dataset, "has_known_distribution", False):
            text = f"the distribution of {dataset.__name__} is not known"
            yield Problem(key, f"{text}; take a synthetic dataset, such as dataset=ring or dataset=stacked_mnist")


def named(measure: Measure, method: str, computed: Any) -> Values:
    """Return what a method of a measure has computed by name; a mapping may leave some of its ``values`` out.

    Raises:
        ConfigError: These are not the values that it declares, or no numbers: names it.
    """
    name, declared = f"{measure.config_key}: {type(measure).__name__}.{method} returned", measure.values
    if isinstance(computed, Mapping):
        fits, made = computed.keys() <= set(declared), ", ".join(map(str, computed))
    else:
        computed = computed if isinstance(computed, tuple) else (computed,)
        fits, made = len(computed) == len(declared), f"{len(computed)} value{'s' * (len(computed) != 1)}"
        computed = dict(zip(declared, computed, strict=False))
    if not fits:
        text = f"but its class declares values = {tuple(declared)}"
        raise ConfigError(f"{name} {made}, {text}; name there what it returns, in the same order")
    try:
        return {key: float(value) for key, value in computed.items()}
    except (TypeError, ValueError, RuntimeError):  # torch: of a tensor of several numbers
        raise ConfigError(f"{name} {computed!r:.100}, not a number for each of its values") from None


def update_measure(measure: Measure, batch: Batch | Generated | Translated) -> None:
    """Update a measure with generated images, on their device and in full float32."""
    device = cpu_if_mps(batch.images)[0].device
    parts = (each.to(device) if isinstance(each, Tensor) else each for each in batch)
    with full_float32():
        measure.to(device).update_batch(type(batch)(*parts))  # type: ignore[arg-type]
