"""The schemas of the configs of the commands beside ``gan-train``; their files in ``conf/`` say what each key means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Interval

from gan_experiments.config.schema import (
    Augmentation,
    Dataset,
    Loss,
    Metrics,
    Optimizer,
    Penalty,
    SampleCount,
    System,
)
from gan_experiments.config.signatures import Component, Section, Slot
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.types import NonNegativeInt, PositiveFloat, PositiveInt, StandingBatches

Sheet = Annotated[Component, Slot(("gan_experiments.sampling.base:Sheet",))]
Weights = Literal["ema", "raw"]  # of the averaged generator, or of the one that is trained
Service = Literal["aim", "comet", "mlflow", "trackio", "wandb"]  # a logger that takes reports
Status = Literal["finished", "running", "interrupted", "failed", "diverged", "pruned", "stopped", "unknown"]


@dataclass
class EvaluateMetrics(Metrics):
    """What to measure; ``every`` is ignored here."""

    samples: SampleCount | None  # type: ignore[assignment]


@dataclass
class EvaluateConfig(Section):
    """The config of ``gan-evaluate``."""

    run: str | None
    fake: str | None
    checkpoint: str
    generator: Weights
    standing_batches: StandingBatches | None  # 0: those of training; None: as the run has it
    truncation: PositiveFloat | None
    metrics: EvaluateMetrics
    seed: NonNegativeInt | None
    accelerator: Literal["cpu", "gpu", "auto"]
    devices: PositiveInt
    name: str | None
    trusted: list[str]
    dataset: Dataset | None = None


@dataclass
class OfRun(Section):
    """What commands that read a checkpoint of a run share."""

    run: str
    checkpoint: str
    trusted: list[str]


@dataclass
class SampleConfig(OfRun):
    """The config of ``gan-sample``."""

    output: Sheet
    generator: Weights
    standing_batches: StandingBatches | None  # 0: those of training; None: as the run has it
    seed: NonNegativeInt
    file: str | None
    accelerator: Literal["cpu", "gpu", "auto"]


@dataclass
class TranslateConfig(OfRun):
    """The config of ``gan-translate``."""

    input: str
    output: str
    direction: Literal["a_to_b", "b_to_a"]
    generator: Weights
    accelerator: Literal["cpu", "gpu", "auto"]


@dataclass
class ExportConfig(OfRun):
    """The config of ``gan-export``."""

    output: str | None
    push: str | None


@dataclass
class DiagnoseConfig(OfRun):
    """The config of ``gan-diagnose``, see :func:`gan_experiments.api.diagnose.diagnose`."""

    images: PositiveInt | None
    only: list[str] | None
    output: str | None


@dataclass
class ImportConfig(Section):
    """The config of ``gan-import``."""

    file: str
    output: str | None
    trusted: list[str]


@dataclass
class CompareConfig(Section):
    """The config of ``gan-compare``, see :func:`gan_experiments.comparison.comparison.compare`."""

    study: str | None
    runs: str | list[str] | None
    factor: str | list[str] | None
    baseline: str | None
    measure: str | None
    score: Literal["final", "best"]
    evaluation: str | None
    better: Literal["known", "lower", "higher"]
    threshold: float | None
    allow_incomparable: bool
    published: str | None
    logger: Service | list[Service] | None
    output: str | None


@dataclass
class DataConfig(Section):
    """The config of ``gan-data describe``."""

    dataset: Dataset
    count: PositiveInt
    seed: NonNegativeInt
    output: str | None
    trusted: list[str]


@dataclass
class ShardsConfig(Section):
    """The config of ``gan-data shards``."""

    dataset: Dataset
    output: str
    shard_images: PositiveInt
    seed: NonNegativeInt
    trusted: list[str]


@dataclass
class ConvertConfig(ShardsConfig):
    """The config of ``gan-data convert``."""

    format: Literal["folder", "zip", "shards"] | None


@dataclass
class StabilityConfig(Section):
    """The config of ``gan-stability``, see :func:`gan_experiments.api.stability.stability`."""

    dataset: Dataset
    model: System
    loss: Loss
    penalty: dict[str, Penalty]
    augment: dict[str, Augmentation]
    optimizer: Optimizer
    seed: NonNegativeInt
    batch_size: PositiveInt
    d_steps: PositiveInt
    distance: PositiveFloat
    steps: Annotated[int, Interval(ge=8, le=1_000_000)]
    trusted: list[str]

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse data and networks without a known equilibrium, and learning rates that change from step to step."""
        dataset, generator = config.component("dataset"), config.component("model.generator")
        if dataset is not None and not getattr(dataset, "has_equilibrium", False):
            yield Problem("dataset", f"no equilibrium on {dataset.__name__} is known; take dirac or gaussian")
        if generator is not None and not hasattr(generator, "to_equilibrium"):
            text = f"no equilibrium of {generator.__name__} is known"
            yield Problem("model", f"{text}; take dirac, or linear_quadratic with dataset=gaussian")
        if config.get("optimizer.schedule.kind") not in (None, "constant") or config.get("optimizer.schedule.warmup"):
            yield Problem("optimizer.schedule", "each step would be another one; take kind=constant and warmup=0")


@dataclass
class FoundRuns(Section):
    """Which runs a verb of ``gan-runs`` is about."""

    runs: str | list[str]
    name: str | None
    group: str | None


@dataclass
class RunsFollowConfig(FoundRuns):
    """The config of ``gan-runs follow``."""

    every: PositiveFloat


@dataclass
class RunsCompareConfig(FoundRuns):
    """The config of ``gan-runs compare``."""

    status: Status | list[Status] | None


@dataclass
class RunsConfig(RunsCompareConfig):
    """The config of ``gan-runs``."""

    sort: str


@dataclass
class RunsArchiveConfig(RunsCompareConfig):
    """The config of ``gan-runs archive``."""

    output: str | None


@dataclass
class RunsDeleteConfig(RunsCompareConfig):
    """The config of ``gan-runs delete``."""

    yes: bool
