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
from gan_experiments.core.types import (
    Described,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

FolderName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$"),
    Described("a folder name of letters, digits and . _ -"),
]
SampleCount = Annotated[int, Interval(ge=2)]  # the variance of one image is not defined
Share = Annotated[float, Interval(gt=0, le=1)]
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
class Budget(Section):
    """When a run is finished.

    Attributes:
        images: Real images the discriminator is shown.
    """

    images: PositiveInt


@dataclass
class Stop(Section):
    """When a run ends before its budget is spent.

    Attributes:
        patience: Images seen without a better periodic evaluation; ``None``: it does not.
    """

    patience: PositiveInt | None = None

    check = staticmethod(root_rules.check_stop)


@dataclass
class Average(Section):
    """The moving average of the generator's weights.

    Attributes:
        half_life: Images after which an old weight counts half; 0 turns it off.
        start: Images seen until which the average equals the network.
        rampup: Largest half-life as a share of the images seen; ``None`` sets no bound.
    """

    half_life: NonNegativeInt
    start: NonNegativeInt = 0
    rampup: Share | None = None

    check = staticmethod(root_rules.check_average)


@dataclass
class Schedule(Section):
    """The factor of both learning rates over the run.

    Attributes:
        kind: How they fall from 1 at ``start`` to ``final`` at ``end``.
        warmup: Images over which they rise from 0.
        start: Images at which they begin to fall.
        end: Images at which they have fallen; ``None``: the budget.
        final: The factor from then on.
    """

    kind: Literal["constant", "linear", "cosine"]
    warmup: NonNegativeInt
    start: NonNegativeInt
    end: PositiveInt | None
    final: Fraction = 0.0

    check = staticmethod(root_rules.check_schedule)


@dataclass
class Ramp(Section):
    """Numbers of the config that move to another value during the run, from the one they have in the config.

    Attributes:
        keys: Which: ``penalty.<name>.weight``, ``ema.half_life``, ``optimizer.<network>.betas[<0 or 1>]``,
            ``augment.<name>.p`` if it does not adapt, ``model.beta`` of a VAE.
        to: Their value from ``end`` on.
        end: Images at which the move ends; ``None``: the budget.
        start: Images at which it begins.
        kind: In a line, or along half a period of a cosine.
    """

    keys: list[str]
    to: NonNegativeFloat
    end: PositiveInt | None = None
    start: NonNegativeInt = 0
    kind: Literal["linear", "cosine"] = "cosine"

    check = staticmethod(root_rules.check_ramp)


@dataclass
class Clip(Section):
    """The largest norm of each network's gradient; ``None`` does not clip."""

    generator: PositiveFloat | None
    discriminator: PositiveFloat | None


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
class Trainer(Section):
    """Where a run is computed.

    Attributes:
        accelerator: Kind of device.
        devices: Processes, one on each device, on every node; ``auto``: all there are.
        num_nodes: Machines.
        strategy: ``ddp`` for more than one process.
        precision: Of the forward passes; penalties and metrics keep float32 and more.
        deterministic: Refuse operations whose result depends on timing.
        sync_batchnorm: Let several processes normalize over the batch of all.
    """

    accelerator: Literal["cpu", "gpu", "auto"]
    devices: PositiveInt | Literal["auto"]
    num_nodes: PositiveInt
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    deterministic: bool
    sync_batchnorm: bool

    check = staticmethod(root_rules.check_trainer)


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
        model: The system, with its networks in it.
        loss: The adversarial loss.
        penalty: Terms and constraints beside the loss, by name.
        augment: What the discriminator sees images through, by name, in this order.
        optimizer: Optimizers, schedule and clipping.
        ramps: Other numbers that change during the run, by a name for each move.
        stop: When the run ends before its budget is spent.
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

    check = staticmethod(root_rules.check_config)
