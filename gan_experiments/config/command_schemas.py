"""The schemas of the configs of the commands beside ``gan-train``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

from gan_experiments.config import root_rules
from gan_experiments.config.annotations import Component, Section, Slot
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
from gan_experiments.core.types import NonNegativeInt, PositiveFloat, PositiveInt

Sheet = Annotated[Component, Slot(("gan_experiments.sampling.base:Sheet",))]


@dataclass
class EvaluateMetrics(Metrics):
    """What to measure; ``every`` is ignored here.

    Attributes:
        samples: Generated images; ``None``: ``final_samples``, or all that there are of ``fake``.
    """

    samples: SampleCount | None  # type: ignore[assignment]


@dataclass
class EvaluateConfig(Section):
    """The config of ``gan-evaluate``.

    Attributes:
        run: The run's folder; ``None``: there are images instead.
        fake: A folder or zip archive of images, or an array of them (``.npy``, ``.npz``), to compare with ``dataset``.
        dataset: The real images, where there is no run that names them.
        checkpoint: ``last``, ``best``, or a file.
        generator: ``ema``, the averaged one, or ``raw``.
        truncation: How much of the latents' variety to keep; ``None``: all.
        metrics: What to measure.
        seed: Of the latents; ``None``: the run's own.
        accelerator: Kind of device.
        devices: Processes that share the images; on GPUs each has one.
        name: What the evaluation of a run is called in its record; ``None``: by what it is measured with.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    run: str | None
    fake: str | None
    checkpoint: str
    generator: Literal["ema", "raw"]
    truncation: PositiveFloat | None
    metrics: EvaluateMetrics
    seed: NonNegativeInt | None
    accelerator: Literal["cpu", "gpu", "auto"]
    devices: PositiveInt
    name: str | None
    trusted: list[str]
    dataset: Dataset | None = None


@dataclass
class SampleConfig(Section):
    """The config of ``gan-sample``.

    Attributes:
        run: The run's folder.
        output: What to draw: a grid, interpolations ...
        checkpoint: ``last``, ``best``, or a file.
        generator: ``ema``, the averaged one, or ``raw``.
        seed: Seed of the latents.
        file: The PNG file to write; ``None``: a new one in the run's folder of samples.
        accelerator: Kind of device.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    run: str
    output: Sheet
    checkpoint: str
    generator: Literal["ema", "raw"]
    seed: NonNegativeInt
    file: str | None
    accelerator: Literal["cpu", "gpu", "auto"]
    trusted: list[str]


@dataclass
class TranslateConfig(Section):
    """The config of ``gan-translate``.

    Attributes:
        run: The run's folder.
        input: An image file, or a folder of them.
        output: The folder to write to.
        direction: From domain A to B, or back.
        checkpoint: ``last``, ``best``, or a file.
        generator: ``ema``, the averaged one, or ``raw``.
        accelerator: Kind of device.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    run: str
    input: str
    output: str
    direction: Literal["a_to_b", "b_to_a"]
    checkpoint: str
    generator: Literal["ema", "raw"]
    accelerator: Literal["cpu", "gpu", "auto"]
    trusted: list[str]


@dataclass
class ExportConfig(Section):
    """The config of ``gan-export``.

    Attributes:
        run: The run's folder.
        checkpoint: ``last``, ``best``, or a file.
        output: The ONNX file; ``None``: ``generator.onnx`` in the run's folder.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    run: str
    checkpoint: str
    output: str | None
    trusted: list[str]


@dataclass
class DiagnoseConfig(Section):
    """The config of ``gan-diagnose``, see :func:`gan_experiments.api.diagnose.diagnose`.

    Attributes:
        run: The run's folder.
        checkpoint: Where the replays start: ``last``, ``best``, a file, or ``start``, the first step.
        images: Of each replay; ``None``: as many as the rules look at.
        only: Names of the changes to try; ``None``: all that fit the run.
        output: The folder to write to; ``None``: the run's.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    run: str
    checkpoint: str
    images: PositiveInt | None
    only: list[str] | None
    output: str | None
    trusted: list[str]


@dataclass
class ImportConfig(Section):
    """The config of ``gan-import``.

    Attributes:
        file: A snapshot that other code has written.
        output: The run folder; ``None``: one in ``outputs/imported``, named as the file.
        trusted: Not used: no class of a file is.
    """

    file: str
    output: str | None
    trusted: list[str]


@dataclass
class CompareConfig(Section):
    """The config of ``gan-compare``, see :func:`gan_experiments.comparison.comparison.compare`.

    Attributes:
        study: The folder above the runs; ``None``: ``runs`` says which.
        runs: Run folders, folders above some, or patterns of either, in place of ``study``.
        factor: The config group or key, or several, whose values are the arms; ``None``: what varies besides the seed.
        baseline: The arm that the others are compared with; ``None``: all pairs.
        measure: Name of the measure in the log.
        score: ``final``: the final evaluation; ``best``: the best periodic evaluation.
        evaluation: Name of an evaluation that ``gan-evaluate`` has made of all runs; ``None``: those of the runs.
        better: Whether lower or higher values are better; ``known``: as the records of the runs say.
        threshold: The value whose first reaching is timed; ``None``: the median best score of the baseline, or of the
            arm where it is worst.
        allow_incomparable: Compare values although they were not measured in the same way.
        output: The folder of the report; ``None``: ``comparison`` in the study's, or in that which all runs are below.
    """

    study: str | None
    runs: str | list[str] | None
    factor: str | list[str] | None
    baseline: str | None
    measure: str
    score: Literal["final", "best"]
    evaluation: str | None
    better: Literal["known", "lower", "higher"]
    threshold: float | None
    allow_incomparable: bool
    output: str | None


@dataclass
class DataConfig(Section):
    """The config of ``gan-data describe``.

    Attributes:
        dataset: The data.
        count: Images on the contact sheet.
        seed: Of the part of the data that a run trains on, and of the choice of images for the sheet.
        output: The PNG file of the sheet; ``None``: one in ``outputs/data``, named by the data.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    dataset: Dataset
    count: PositiveInt
    seed: NonNegativeInt
    output: str | None
    trusted: list[str]


@dataclass
class ShardsConfig(Section):
    """The config of ``gan-data shards``.

    Attributes:
        dataset: The data.
        output: The folder of the shards.
        shard_images: Images in a shard.
        seed: Of the part of the data that a run trains on, and of their order in the shards.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    dataset: Dataset
    output: str
    shard_images: PositiveInt
    seed: NonNegativeInt
    trusted: list[str]


@dataclass
class ConvertConfig(ShardsConfig):
    """The config of ``gan-data convert``.

    Attributes:
        dataset: The data.
        output: The zip archive or folder to write.
        format: What to write; ``None``: by the name of the output.
        shard_images: Images in a shard.
        seed: Of the part of the data that a run trains on, and of their order in shards.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

    format: Literal["folder", "zip", "shards"] | None


@dataclass
class StabilityConfig(Section):
    """The config of ``gan-stability``, see :func:`gan_experiments.api.stability.stability`.

    Attributes:
        dataset: Data on which the equilibrium is known.
        model: A system with networks for which it is known.
        loss: The adversarial loss.
        penalty: Terms and constraints beside the loss, by name.
        augment: What the discriminator sees images through, by name.
        optimizer: Optimizers and clipping; a schedule would make every step another one.
        seed: Of latents and noise.
        batch_size: Images per step.
        d_steps: Discriminator steps per generator step.
        distance: From the equilibrium to the start of a run, where the step is not differentiable.
        steps: Discriminator steps of that run.
        trusted: Packages of the user's that may be named as ``_target_``; heeded on the command line only.
    """

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

    check = staticmethod(root_rules.check_stability)
