"""``evaluate``: measures the generator of a run, or any images against those of a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_experiments.api.compose import as_list, compose_request
from gan_experiments.api.run import Accelerator, Run, StrPath, load_run
from gan_experiments.api.run_config import checked_run, refuse_measures
from gan_experiments.api.state import preserved_state
from gan_experiments.config.arguments import checked
from gan_experiments.config.command_schemas import EvaluateConfig
from gan_experiments.core.estimate import Estimate
from gan_experiments.core.types import ConfigError, NonNegativeInt, PositiveFloat, PositiveInt, StandingBatches
from gan_experiments.runs.results import estimates, plain, scores
from gan_experiments.runs.summary import measures, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from gan_experiments.data.base import ImageData


@dataclass(frozen=True)
class EvaluationResult:
    """The values of an evaluation, and how they were obtained.

    Attributes:
        title: What was measured.
        dataset: Name of the dataset that it was compared with.
        record: All of it as plain values, as in ``record.json``.
    """

    title: str
    dataset: str
    record: dict[str, Any]

    @property
    def values(self) -> dict[str, float]:
        """The metrics, by name."""
        return scores(self.record)

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The metrics with margins of error, real baselines and directions, where known."""
        return estimates(self.record)

    @property
    def provenance(self) -> dict[str, Any]:
        """Extractors with the hashes of their weights, options, number of images, seed, data and versions."""
        return dict(self.record["evaluation"])

    def __repr__(self) -> str:
        return "\n".join([self.title, *measures(self.record)])

    def _repr_html_(self) -> str:
        from gan_experiments.api.html import evaluation_html

        return evaluation_html(self.title, self.record)


@checked
def evaluate(
    source: Run | str | os.PathLike[str] | Tensor | NDArray[Any],
    overrides: str | Sequence[str] = (),
    *,
    metrics: str | Sequence[str] | None = None,
    dataset: str | None = None,
    samples: PositiveInt | None = None,
    checkpoint: StrPath = "last",
    raw: bool = False,
    truncation: PositiveFloat | None = None,
    seed: NonNegativeInt | None = None,
    accelerator: Accelerator = "cpu",
    devices: PositiveInt = 1,
    name: str | None = None,
    trusted: Sequence[str] = (),
    standing_batches: StandingBatches | None = None,
) -> EvaluationResult:
    """Measure a run's generator, or, with ``dataset``, any images against that dataset's.

    The result for a run is also added to its record, under ``evaluations`` by its name; ``gan-compare`` reads it.

    Args:
        source: A run or its folder. With ``dataset``: images, uint8 ``(N, C, H, W)`` or ``(N, H, W, C)``, or the path
            of a folder, a zip archive or an array of them; nothing is resized.
        overrides: As for ``gan-evaluate``, for single options: ``["metrics.weights=inception.pth"]``.
        metrics: Options of the group ``metrics``: ``"inception"``, ``["native", "kid"]``. ``None``: the run's own,
            which repeats its final values; ``native`` for images.
        dataset: An option of the group ``dataset``: the real images to compare with, where they are not those of the
            run; a run is given as a ``Run`` then.
        samples: How many images are measured; ``None``: ``metrics.final_samples`` for a run, all of the images.
        checkpoint: ``last``, ``best``, or the path of a file.
        raw: Measure the generator as the last step left it, instead of its moving average.
        truncation: Fraction of the latents' variety to keep; ``None``: all.
        seed: Of the latents; ``None``: the run's own.
        accelerator: Where to generate and to measure: ``auto`` takes CUDA if there is any.
        devices: Processes that share the images; on GPUs each has one. A script that asks for several has to guard its
            main code with ``if __name__ == "__main__"``, as for any process that Python starts.
        name: What the evaluation of a run is called in its record, in place of an earlier one of that name; ``None``:
            by extractors, added measures and samples, such as ``inception-50k``.
        trusted: Packages of yours that may be named as ``_target_``.
        standing_batches: Batches from which the statistics of batch norm are computed; 0: those of training; ``None``:
            as the run has it, ``ema.standing_batches``.

    Raises:
        ConfigError: Lists everything that is wrong: options, files, too few images, missing weights.
    """
    lines = as_list(overrides, trusted)
    named = dataset is not None or any(line.startswith("dataset=") for line in lines)
    of_run = isinstance(source, Run) or not named
    own_metrics = not named and metrics is None and not any(line.startswith("metrics") for line in lines)
    chosen = [metrics] if isinstance(metrics, str) else list(metrics or ())
    groups = ["run=given"] * of_run  # its data may have moved
    groups += [f"metrics=[{','.join(chosen)}]"] * bool(chosen) + [f"dataset={dataset}"] * bool(dataset)
    with preserved_state():
        request = compose_request("evaluate", EvaluateConfig, [*groups, *lines])
        options = request.config
        options["metrics"]["samples"] = samples if samples is not None else options["metrics"]["samples"]
        if not of_run:
            images = existing_path(source) if isinstance(source, (str, os.PathLike)) else source
            protocol = Protocol(options["metrics"], seed=seed, accelerator=accelerator, devices=devices)
            return measure_images(images, options["dataset"], protocol)
        if not isinstance(source, (Run, str, os.PathLike)):
            raise ConfigError("dataset: say what real images these are to be compared with: dataset='cifar10'")
        run = source if isinstance(source, Run) else load_run(source, options["trusted"], request.places)
        if own_metrics:
            options["metrics"] = {**checked_run(run.files, run.trusted)["metrics"], "samples": samples}
        how = os.fspath(checkpoint), raw, truncation, seed, accelerator, devices, standing_batches
        return measure_run(run, Protocol(options["metrics"], *how), name, options.get("dataset"))


@dataclass(frozen=True)
class Protocol:
    """How something is measured; ``metrics`` is a checked config node, the other fields are as for ``evaluate``."""

    metrics: Mapping[str, Any]
    checkpoint: str = "last"
    raw: bool = False
    truncation: float | None = None
    seed: int | None = None
    accelerator: Accelerator = "cpu"
    devices: int = 1
    standing_batches: int | None = None


def measure_run(
    run: Run, protocol: Protocol, name: str | None = None, dataset: Mapping[str, Any] | None = None
) -> EvaluationResult:
    """Measure the generator of a run and add the result to its record, under ``name``.

    ``dataset`` is a checked config node of the real images, where they are not the run's own.

    Raises:
        ConfigError: The run cannot be restored or written to, or the metrics do not fit it.
    """
    run.files.check_place("run")
    refuse_measures(run.config, protocol.metrics, dataset, run.trusted)
    record = _shared(partial(_measure_run, run, protocol, dataset), protocol)
    name = name or _default_name(record, run.config.get("seed")) + (f"-{record['dataset']}" if dataset else "")
    run.files.add_evaluation(name, record)
    title = f"{shown(run.folder)}, {protocol.checkpoint} checkpoint at {record['images_seen']:,} images: {name}"
    return EvaluationResult(title, record["dataset"], record)


def measure_images(
    source: Path | Tensor | NDArray[Any], dataset: Mapping[str, Any], protocol: Protocol
) -> EvaluationResult:
    """Measure images against those of a dataset; ``dataset`` is a checked config node.

    Raises:
        ConfigError: The images cannot be read or do not fit the dataset, or the metrics do not fit them.
    """
    name = shown(source) if isinstance(source, Path) else "the array"
    record = _shared(partial(_measure_images, source, dataset, protocol), protocol)
    return EvaluationResult(f"{name} against {record['dataset']}", record["dataset"], record)


def _shared(measure: Callable[[int, int], dict[str, Any]], protocol: Protocol) -> dict[str, Any]:
    """Measure in as many processes as there are devices."""
    from gan_experiments.core.distributed import share_work
    from gan_experiments.training.devices import check_devices, device_for_measuring

    on_gpus = device_for_measuring(protocol.accelerator).type == "cuda"
    if on_gpus:
        check_devices("gpu", protocol.devices)
    return share_work(measure, protocol.devices, on_gpus)


def _measure_run(
    run: Run, protocol: Protocol, dataset: Mapping[str, Any] | None, rank: int, world_size: int
) -> dict[str, Any]:
    system, data = run.restore(protocol.checkpoint, protocol.accelerator, protocol.raw, dataset)
    from gan_experiments.metrics.processes import Processes
    from gan_experiments.sampling.standing import standing_provenance
    from gan_experiments.training.build import build_evaluator
    from gan_experiments.training.callbacks.evaluation_samples import evaluation_samples

    if protocol.standing_batches is not None:
        system.use_standing_statistics(protocol.standing_batches, "standing_batches")
    count = protocol.metrics["samples"] or protocol.metrics["final_samples"]
    seed = system.seed if protocol.seed is None else protocol.seed
    evaluator = build_evaluator(protocol.metrics, data, seed, labelled=system.num_classes > 0)
    evaluator.check(count, "metrics.samples")
    _read(data, rank, world_size)
    sample = evaluation_samples(system, data.inputs, count, seed, not protocol.raw, protocol.truncation)
    count = len(sample)
    provenance = {
        "samples": count,
        "generator": "raw" if protocol.raw else "ema",
        "truncation": protocol.truncation,
        "checkpoint": protocol.checkpoint,
        "seed": seed,
        **standing_provenance(system.standing_batches),
    }
    values = evaluator.final(sample, count, Processes(rank, world_size))
    where = {"dataset": data.facts.name, "images_seen": system.clock.images_seen}
    return {"final": plain(values), "evaluation": provenance | evaluator.provenance(), **where}


def _measure_images(
    source: Path | Tensor | NDArray[Any], dataset: Mapping[str, Any], protocol: Protocol, rank: int, world_size: int
) -> dict[str, Any]:
    import numpy as np

    from gan_experiments.core.contracts import Batch
    from gan_experiments.data.fakes import fakes_from_array, load_fakes
    from gan_experiments.metrics.processes import Processes
    from gan_experiments.training.build import build_evaluator, construct
    from gan_experiments.training.devices import device_for_measuring

    device, seed = device_for_measuring(protocol.accelerator), protocol.seed or 0
    data = construct(dataset, "dataset", seed=seed)
    _read(data, rank, world_size)
    if isinstance(source, Path):
        images, name, origin = load_fakes(source, data.facts), shown(source), str(source.resolve())
    else:
        images, name, origin = fakes_from_array(np.asarray(source), data.facts), "the array", "array"
    asked = protocol.metrics["samples"]
    count = asked or len(images)
    if count > len(images):
        raise ConfigError(f"metrics.samples: {count} asked for, {name} holds {len(images)} images")
    evaluator = build_evaluator(protocol.metrics, data, seed, labelled=False)
    evaluator.refuse_of_images()
    evaluator.check(count, "metrics.samples" if asked else "fake")
    provenance = {"samples": count, "generator": "images", "truncation": None, "fake": origin}

    def sample(start: int, n: int) -> Batch:
        return Batch(images[start : start + n].to(device), None)

    values = evaluator.final(sample, count, Processes(rank, world_size))
    return {"final": plain(values), "evaluation": provenance | evaluator.provenance(), "dataset": data.facts.name}


def _read(data: ImageData, rank: int, world_size: int) -> None:
    from gan_experiments.core.distributed import main_process_first

    with main_process_first(rank, world_size):
        data.prepare_data()
    data.setup()


def _default_name(record: Mapping[str, Any], own_seed: int | None) -> str:
    """Return extractors and added measures, the samples in thousands, and what is unusual: ``inception-50k-raw``."""
    how = record["evaluation"]
    samples = how["samples"]
    names = [*how["extractors"], *(name for name in how["features"] if name not in ("fid", "is")), *how["measures"]]
    names.append(f"{samples // 1000}k" if samples % 1000 == 0 else str(samples))
    names += ["raw"] if how["generator"] == "raw" else []
    names += [Path(how["checkpoint"]).stem] if how["checkpoint"] != "last" else []
    names += [f"truncation{how['truncation']}"] if how["truncation"] is not None else []
    names += [f"standing{how['standing_batches']}"] if "standing_batches" in how else []
    names += [f"seed{how['seed']}"] if how["seed"] != own_seed else []
    return "-".join(names)


def existing_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of images.

    Raises:
        ConfigError: There is no such file or folder.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ConfigError(f"fake: there is no {path}")
    return path
