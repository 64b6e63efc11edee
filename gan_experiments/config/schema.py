"""The schema of a config of ``gan-train``: the root's own values, and which components belong where.

Defaults are in ``conf/``; what a component accepts is its constructor's annotations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Interval
from pydantic import StringConstraints

from gan_experiments.config import root_rules
from gan_experiments.config.annotations import Component, Section, Slot
from gan_experiments.config.sections import Average, Budget, Clip, Freeze, Initial, Ramp, Schedule, Stop, Trainer
from gan_experiments.core.types import (
    Described,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
)

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
TorchOptimizer = Annotated[Component, Slot(("torch.optim:Optimizer",), ("params",), OptimizerLimits)]
Extractor = Annotated[Component, Slot(("gan_experiments.metrics.extractors.base:Extractor",))]
FeatureMeasure = Annotated[Component, Slot(("gan_experiments.metrics.features:FeatureMeasure",))]
Measure = Annotated[Component, Slot(("gan_experiments.metrics.measure:Measure",))]
Callback = Annotated[
    Component, Slot(("pytorch_lightning:Callback", "gan_experiments.training.callbacks.base:LoopPart"), ("run",))
]
Logger = Annotated[Component, Slot(("pytorch_lightning.loggers:Logger",), ("run",))]


@dataclass
class Optimizer(Section):
    """The optimizer of each network, with one schedule for both; a system without a discriminator has one."""

    generator: TorchOptimizer
    discriminator: TorchOptimizer | None
    schedule: Schedule
    clip: Clip

    check = staticmethod(root_rules.check_optimizer)


@dataclass
class Metrics(Section):
    """Evaluation.

    Attributes:
        every: Images seen between two rows.
        samples: Generated images for a row during training.
        final_samples: Generated images for the last row.
        batch_size: Images that are generated and measured at a time.
        extractors: What images are compared in, by the name its values get.
        features: What is computed in the features of each extractor, by name.
        measures: What is computed from the images themselves, by name.
        weights: The file of an extractor that has its weights from elsewhere; ``None``: fetched once.
        allow_missing: Train without an extractor whose weights can be had nowhere, instead of refusing to begin.
    """

    every: PositiveInt
    samples: SampleCount
    final_samples: SampleCount
    batch_size: PositiveInt
    extractors: dict[str, Extractor] = field(default_factory=dict)
    features: dict[str, FeatureMeasure] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)
    weights: str | None = None
    allow_missing: bool = False

    check = staticmethod(root_rules.check_metrics)


@dataclass
class Config(Section):
    """The config of ``gan-train``.

    Attributes:
        seed: Of every random number of the run.
        batch_size: Images per discriminator step, over all processes.
        d_steps: Discriminator steps per generator step.
        budget: When the run is finished.
        ema: The moving average of the generator.
        dataset: The data; it knows the size, channels and classes of its images.
        task: Derives the inputs of a translator from the images; ``None``: the dataset has them, or there are none.
        model: The system, with its networks in it.
        loss: The adversarial loss.
        penalty: Terms and constraints beside the loss, by name.
        augment: What the discriminator sees images through, by name, in this order.
        optimizer: Optimizers, schedule and clipping.
        ramps: Other numbers that change during the run, by a name for each move.
        stop: When the run ends before its budget is spent.
        init_from: Weights to begin with: a run folder, a checkpoint or the file of a generator; ``None``: random ones.
        init: What is taken from there.
        freeze: What keeps its weights.
        metrics: Evaluation.
        trainer: Devices, processes and precision.
        callbacks: What watches the run, by name.
        logger: Where values are logged, by name.
        name: The run's folder; ``None``: made from the dataset, the model and the overrides.
        output_dir: The folder above it.
        resume: The folder of a run to go on with.
        rerun: Train again, beside a run that is finished.
        retry: In a sweep: ``failed`` tries again the jobs that have failed or diverged.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

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
    resume: str | None
    rerun: bool
    trusted: list[str]
    retry: Literal["none", "failed"] = "none"
    ramps: dict[str, Ramp] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    init_from: str | None = None
    init: Initial = field(default_factory=Initial)
    freeze: Freeze = field(default_factory=Freeze)
    task: Task | None = None

    check = staticmethod(root_rules.check_config)
