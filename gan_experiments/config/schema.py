"""The schema of a config of ``gan-train``: the root's own values, and which components belong where.

Defaults and the meaning of each key are in ``conf/``; what a component accepts is its constructor's annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Interval
from pydantic import StringConstraints

from gan_experiments.config.sections import Average, Budget, Clip, Freeze, Initial, Ramp, Schedule, Stop, Trainer
from gan_experiments.config.signatures import Component, Section, Slot
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.rules import check_longer_than_a_step, check_within_run
from gan_experiments.core.text import show
from gan_experiments.core.types import (
    Described,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
)

_EVERY = 50_000  # the default of metrics.every, of which a short run gets no warning

FolderName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$"),
    Described("a folder name of letters, digits and . _ -"),
]
SampleCount = Annotated[int, Interval(ge=2)]  # the variance of one image is not defined
Decay = Annotated[float, Interval(ge=0, lt=1)]


@dataclass
class OptimizerLimits:
    """The bounds of the arguments that ``torch.optim`` annotates as plain numbers."""

    lr: PositiveFloat
    betas: tuple[Decay, Decay]
    eps: Share
    weight_decay: NonNegativeFloat
    momentum: Fraction
    dampening: Fraction
    alpha: Fraction


Dataset = Annotated[Component, Slot(("gan_experiments.data.base:ImageData",))]
Task = Annotated[Component, Slot(("gan_experiments.data.tasks.base:Task",))]
System = Annotated[Component, Slot(("gan_experiments.systems.base:System",))]
Loss = Annotated[Component, Slot(("gan_experiments.core.contracts:Loss",))]
Penalty = Annotated[Component, Slot(("gan_experiments.core.contracts:Penalty",))]
Augmentation = Annotated[Component, Slot(("gan_experiments.core.contracts:Augmentation",))]
TorchOptimizer = Annotated[Component, Slot(("torch.optim:Optimizer",), frozenset({"params"}), OptimizerLimits)]
Extractor = Annotated[Component, Slot(("gan_experiments.metrics.extractors.base:Extractor",))]
FeatureMeasure = Annotated[Component, Slot(("gan_experiments.metrics.features:FeatureMeasure",))]
Measure = Annotated[Component, Slot(("gan_experiments.metrics.measure:Measure",))]
_RUN = frozenset({"run"})  # the program's
Callback = Annotated[
    Component,
    Slot(("pytorch_lightning:Callback", "gan_experiments.training.callbacks.base:LoopPart"), _RUN),
]
Logger = Annotated[Component, Slot(("pytorch_lightning.loggers:Logger",), _RUN)]


@dataclass
class Optimizer(Section):
    """The optimizer of each network, with one schedule for both; a system without a discriminator has one."""

    generator: TorchOptimizer
    discriminator: TorchOptimizer | None
    schedule: Schedule
    clip: Clip

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse integer betas, which the optimizers of torch raise for; warn of steps larger than any weight."""
        for network in ("generator", "discriminator"):
            rate = config.get(f"{key}.{network}.lr")
            if isinstance(rate, (int, float)) and rate > 1:
                text = f"{show(rate)}: one step can move every weight by more than 1; usual are 1e-5 to 1e-2"
                yield Problem(f"{key}.{network}.lr", text, warning=True)
            betas = config.get(f"{key}.{network}.betas")  # of any type yet
            for index, beta in enumerate(betas if isinstance(betas, list) else ()):
                if isinstance(beta, int):
                    text = f"the optimizer does not accept integers; write {float(beta)}"
                    yield Problem(f"{key}.{network}.betas[{index}]", text)


@dataclass
class Metrics(Section):
    """Evaluation."""

    every: PositiveInt
    samples: SampleCount
    final_samples: SampleCount
    batch_size: PositiveInt
    extractors: dict[str, Extractor] = field(default_factory=dict)
    features: dict[str, FeatureMeasure] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)
    weights: str | None = None
    allow_missing: bool = False

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse features without an extractor, weights that no extractor reads, and two values of one name."""
        groups = ("extractors", "features", "measures")
        extractors, features, measures = (config.get(f"{key}.{group}") or {} for group in groups)
        names = ",".join(features)
        if features and not extractors:
            yield Problem(key, f"{names} needs an extractor; add one: {key}=[native,{names}]")
        elif (features or measures) and not options.keys() & {"every", "samples", "final_samples", "batch_size"}:
            text = f"{','.join([*features, *measures])} goes with others, which say how often and with how many samples"
            yield Problem(key, f"{text}: {key}=[native,...], or {key}=[none,...] for it alone")
        takes_weights = any("weights" in (config.get(f"{key}.extractors.{name}") or ()) for name in extractors)
        if config.get(f"{key}.weights") and not takes_weights:
            text = f"{', '.join(extractors) or 'no extractor'} takes no file of weights; {key}=inception does"
            yield Problem(f"{key}.weights", text)
        if config.get(f"{key}.every") != _EVERY:
            yield from check_within_run(key, "every", "there is no evaluation before its end", config)
        yield from check_longer_than_a_step(key, config)
        owners: dict[str, str] = {}
        for group in ("features", "measures"):
            for name, measure in config.components(f"{key}.{group}").items():
                own = f"{key}.{group}.{name}"
                repeated = [value for value in getattr(measure, "values", ()) if owners.setdefault(value, own) != own]
                if repeated:
                    text = f"{owners[repeated[0]]} already computes {', '.join(repeated)}; keep one of the two"
                    yield Problem(own, text)


@dataclass
class Config(Section):
    """The config of ``gan-train``."""

    seed: NonNegativeInt
    batch_size: PositiveInt
    d_steps: PositiveInt
    budget: Budget
    ema: Average
    dataset: Dataset
    model: System
    loss: Loss | None
    penalty: dict[str, Penalty]
    augment: dict[str, Augmentation]
    optimizer: Optimizer
    metrics: Metrics
    trainer: Trainer
    callbacks: dict[str, Callback]
    logger: dict[str, Logger]
    name: FolderName | None
    output_dir: str
    resume: Annotated[str, Described("the folder of a run")] | None
    rerun: bool
    trusted: list[str]
    retry: Literal["none", "failed"] = "none"
    ramps: dict[str, Ramp] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    init_from: str | None = None
    init: Initial = field(default_factory=Initial)
    freeze: Freeze = field(default_factory=Freeze)
    task: Task | None = None

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a batch that the processes cannot share equally, and a number that two ramps change.

        Warn of a generator that is never trained.
        """
        batch, devices, nodes = (config.get(name) for name in ("batch_size", "trainer.devices", "trainer.num_nodes"))
        if isinstance(batch, int) and isinstance(devices, int) and isinstance(nodes, int) and batch % (devices * nodes):
            processes = f"{devices * nodes} processes (trainer.devices={devices}, trainer.num_nodes={nodes})"
            yield Problem("batch_size", f"{batch} images cannot be divided equally among {processes}")
        budget, d_steps = config.get("budget.images"), config.get("d_steps")
        if all(isinstance(value, int) for value in (batch, budget, d_steps)) and 1 < d_steps > -(-budget // batch):
            text = f"{d_steps:,} discriminator steps are more than the budget has: the generator is never trained"
            yield Problem("d_steps", text, warning=True)
        owners: dict[str, str] = {}
        for name in config.get("ramps") or ():
            for number in dict.fromkeys(config.get(f"ramps.{name}.keys") or ()):
                if owners.setdefault(number, name) != name:
                    yield Problem(f"ramps.{name}.keys", f"{number} is changed by ramps.{owners[number]} already")
