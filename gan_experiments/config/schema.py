"""What a config of ``gan-train`` holds, and the check of a whole one before anything is built. Imports no torch.

The dataclasses here, and those of the other programs in ``programs.py``, are read from their source by the same reader
as the constructors of the components, so an annotation here and one there mean the same. Defaults are in ``conf/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple

from omegaconf import DictConfig

from gan_experiments.config import combinations
from gan_experiments.config.validation import Place, Problem, validate
from gan_experiments.core.types import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    Pattern,
    PositiveFloat,
    PositiveInt,
    Range,
)

FolderName = Annotated[str, Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", "a folder name of letters, digits and . _ -")]
SampleCount = Annotated[int, Range(low=2)]  # the variance of one image is not defined
Decay = Annotated[float, Range(low=0.0, high=1.0, high_open=True)]


class Component:
    """The annotation of what is built: a mapping with ``_target_``, a class, and arguments of its constructor."""


@dataclass
class Budget:
    """When a run is finished.

    Attributes:
        images: Real images the discriminator is shown.
    """

    images: PositiveInt


@dataclass
class Average:
    """The moving average of the generator's weights.

    Attributes:
        half_life: Images after which an old weight counts half; 0 turns it off.
    """

    half_life: NonNegativeInt


@dataclass
class Schedule:
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


@dataclass
class Ramp:
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


@dataclass
class Clip:
    """The largest norm of each network's gradient; ``None`` does not clip."""

    generator: PositiveFloat | None
    discriminator: PositiveFloat | None


@dataclass
class Optimizer:
    """The optimizer of each network, with one schedule for both; a system without a discriminator has one."""

    generator: Component
    discriminator: Component | None
    schedule: Schedule
    clip: Clip


@dataclass
class Metrics:
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
    """

    every: PositiveInt
    samples: SampleCount
    final_samples: SampleCount
    batch_size: PositiveInt
    extractors: dict[str, Component] = field(default_factory=dict)
    features: dict[str, Component] = field(default_factory=dict)
    measures: dict[str, Component] = field(default_factory=dict)
    weights: str | None = None


@dataclass
class Trainer:
    """Where a run is computed.

    Attributes:
        accelerator: Kind of device.
        devices: Processes, one on each device, on every node; ``auto``: all there are.
        num_nodes: Machines.
        strategy: ``ddp`` for more than one process.
        precision: Of the forward passes; penalties and metrics keep float32 and more.
        deterministic: Refuse operations whose result depends on timing.
    """

    accelerator: Literal["cpu", "gpu", "auto"]
    devices: PositiveInt | Literal["auto"]
    num_nodes: PositiveInt
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    deterministic: bool


@dataclass
class Config:
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
    dataset: Component
    model: Component
    loss: Component | None
    penalty: dict[str, Component]
    augment: dict[str, Component]
    optimizer: Optimizer
    metrics: Metrics
    trainer: Trainer
    callbacks: dict[str, Component]
    logger: dict[str, Component]
    name: FolderName | None
    output_dir: str
    resume: str | None
    rerun: bool
    trusted: list[str]
    retry: Literal["none", "failed"] = "none"
    ramps: dict[str, Ramp] = field(default_factory=dict)


@dataclass
class OptimizerLimits:
    """The bounds of the arguments that ``torch.optim`` annotates as plain numbers."""

    lr: PositiveFloat
    betas: tuple[Decay, Decay]
    eps: PositiveFloat
    weight_decay: NonNegativeFloat
    momentum: Fraction
    dampening: Fraction
    alpha: Fraction


_SYSTEM = ("loss", "penalties", "augmentations", "optimizers", "schedule", "clip", "clock", "seed")
_OPTIMIZER = Place("torch.optim.optimizer.Optimizer", given=("params",), limits=OptimizerLimits)

# What belongs where: the class it descends from, and the arguments that the program hands over.
PLACES = {
    "dataset": Place("pytorch_lightning.core.datamodule.LightningDataModule", given=("seed",)),
    "model": Place("pytorch_lightning.core.module.LightningModule", given=(*_SYSTEM, "ema_half_life", "d_steps")),
    "model.generator": Place("gan_experiments.core.contracts.Generator", given=("facts",)),
    "model.encoder": Place("gan_experiments.core.contracts.Encoder", given=("facts", "latent_dim")),
    "model.discriminator": Place("gan_experiments.core.contracts.Discriminator", given=("facts",)),
    "loss": Place("gan_experiments.core.contracts.Loss"),
    "penalty.*": Place("gan_experiments.core.contracts.Penalty"),
    "augment.*": Place("gan_experiments.core.contracts.Augmentation", given=("facts",)),
    "optimizer.generator": _OPTIMIZER,
    "optimizer.discriminator": _OPTIMIZER,
    "metrics.extractors.*": Place("gan_experiments.metrics.extractors.base.Extractor"),
    "metrics.features.*": Place("gan_experiments.metrics.features.FeatureMeasure"),
    "metrics.measures.*": Place("gan_experiments.metrics.measure.Measure"),
    "output": Place("gan_experiments.sampling.base.Sheet"),
    "output.extractor": Place("gan_experiments.metrics.extractors.base.Extractor"),
    "callbacks.*": Place("pytorch_lightning.callbacks.callback.Callback", given=("run",)),
    "logger.*": Place("pytorch_lightning.loggers.logger.Logger", given=("run",)),
}


class Checked(NamedTuple):
    """What a check found: problems, and lines about what is allowed but hardly meant."""

    problems: list[Problem]
    warnings: list[str]


def check(config: DictConfig, schema: type = Config, trusted: Sequence[str] = ()) -> list[str]:
    """Return everything that is wrong with a composed config, a line each; nothing is imported or built.

    Args:
        config: The root, without Hydra's own node.
        schema: The dataclass of the program.
        trusted: Packages that may be named as ``_target_``, as the command line says; what the config says of that
            itself does not count.
    """
    return [str(problem) for problem in check_config(config, schema, trusted).problems]


def warnings(config: DictConfig, schema: type = Config, trusted: Sequence[str] = ()) -> list[str]:
    """Return what is allowed but hardly meant, a line each."""
    return check_config(config, schema, trusted).warnings


def check_config(config: DictConfig, schema: type = Config, trusted: Sequence[str] = ()) -> Checked:
    """Return both at once, the problems with their keys."""
    try:
        found = validate(config, schema, PLACES, trusted)
    except RecursionError:
        return Checked([Problem("", "the config is nested too deeply")], [])
    problems = found.problems + [Problem(key, text) for key, text in combinations.refused(found)]
    return Checked(problems, [f"{key}: {text}" for key, text in combinations.doubtful(found)])
