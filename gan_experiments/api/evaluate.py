"""``evaluate``: measures the generator of a run, or any images against those of a dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_experiments.api.compose import as_list, compose_request
from gan_experiments.api.request import checked_run
from gan_experiments.api.run import Accelerator, Run, load_run
from gan_experiments.api.state import preserved_state
from gan_experiments.config.command_schemas import EvaluateConfig
from gan_experiments.config.schema import Config
from gan_experiments.core.estimate import Estimate
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.results import estimates, plain, scores
from gan_experiments.runs.summary import measures, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from gan_experiments.metrics.evaluator import Evaluator, Sample


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


def evaluate(
    source: Run | str | os.PathLike[str] | Tensor | NDArray[Any],
    overrides: Sequence[str] = (),
    *,
    metrics: str | Sequence[str] | None = None,
    dataset: str | None = None,
    samples: int | None = None,
    checkpoint: str = "last",
    raw: bool = False,
    truncation: float | None = None,
    seed: int | None = None,
    accelerator: Accelerator = "cpu",
    trusted: Sequence[str] = (),
) -> EvaluationResult:
    """Measure a run's generator, or, with ``dataset``, any images against that dataset's.

    The result for a run is also added to its record, under ``evaluations``.

    Args:
        source: A run or its folder. With ``dataset``: images, uint8 ``(N, C, H, W)`` or ``(N, H, W, C)``, or the path
            of a folder, a zip archive or an array of them; nothing is resized.
        overrides: As for ``gan-evaluate``, for single options: ``["metrics.weights=inception.pth"]``.
        metrics: Options of the group ``metrics``: ``"inception"``, ``["native", "kid"]``. ``None``: the run's own,
            which repeats its final values; ``native`` for images.
        dataset: An option of the group ``dataset``: the real images to compare with.
        samples: How many images are measured; ``None``: ``metrics.final_samples`` for a run, all of the images.
        checkpoint: ``last``, ``best``, or the path of a file.
        raw: Measure the generator as the last step left it, instead of its moving average.
        truncation: Fraction of the latents' variety to keep; ``None``: all.
        seed: Of the latents; ``None``: the run's own.
        accelerator: Where to generate and to measure: ``auto`` takes CUDA if there is any.
        trusted: Packages of yours that may be named as ``_target_``.

    Raises:
        ConfigError: Lists everything that is wrong: options, files, too few images, missing weights.
    """
    of_run = dataset is None and not any(line.startswith("dataset=") for line in as_list(overrides))
    own_metrics = of_run and metrics is None and not any(line.startswith("metrics") for line in as_list(overrides))
    chosen = [metrics] if isinstance(metrics, str) else list(metrics or ())
    groups = [f"metrics=[{','.join(chosen)}]"] if chosen else []
    groups += [f"dataset={dataset}"] if dataset else []
    with preserved_state():
        request = compose_request("evaluate", EvaluateConfig, [*groups, *as_list(overrides, trusted)])
        options = request.config
        options["metrics"]["samples"] = samples if samples is not None else options["metrics"]["samples"]
        if not of_run:
            images = existing_path(source) if isinstance(source, (str, os.PathLike)) else source
            return measure_images(images, options["dataset"], options["metrics"], seed or 0, accelerator)
        if not isinstance(source, (Run, str, os.PathLike)):
            raise ConfigError("dataset: say what real images these are to be compared with: dataset='cifar10'")
        run = source if isinstance(source, Run) else load_run(source, options["trusted"])
        chosen_metrics = (
            {**checked_run(run.files, Config, run.trusted)["metrics"], "samples": samples}
            if own_metrics
            else options["metrics"]
        )
        return measure_run(run, chosen_metrics, checkpoint, raw, truncation, seed, accelerator)


def measure_run(
    run: Run,
    metrics: Mapping[str, Any],
    checkpoint: str = "last",
    raw: bool = False,
    truncation: float | None = None,
    seed: int | None = None,
    accelerator: Accelerator = "cpu",
) -> EvaluationResult:
    """Measure the generator of a run and add the result to its record; ``metrics`` is a checked config node.

    Raises:
        ConfigError: The run cannot be restored, or the metrics do not fit it.
    """
    system, data = run.restore(checkpoint, accelerator, raw)
    from gan_experiments.training.build import build_evaluator
    from gan_experiments.training.callbacks.evaluation import EvaluationSamples

    count = metrics["samples"] or metrics["final_samples"]
    seed = system.seed if seed is None else seed
    evaluator = build_evaluator(metrics, data, seed, count, labelled=system.num_classes > 0)
    evaluator.check(count, "metrics.samples")
    data.prepare_data()
    data.setup()
    sample = EvaluationSamples(system, count, seed, not raw, truncation)
    provenance = {"samples": count, "generator": "raw" if raw else "ema", "truncation": truncation, "seed": seed}
    record = _measured(evaluator, sample, count, provenance)
    record |= {"checkpoint": checkpoint, "images_seen": system.clock.images_seen}
    run.files.update_record(evaluations=[*run.record.get("evaluations", []), record])
    title = f"{shown(run.folder)}, {checkpoint} checkpoint at {system.clock.images_seen:,} images"
    return EvaluationResult(title, data.facts.name, record)


def measure_images(
    source: Path | Tensor | NDArray[Any],
    dataset: Mapping[str, Any],
    metrics: Mapping[str, Any],
    seed: int = 0,
    accelerator: Accelerator = "cpu",
) -> EvaluationResult:
    """Measure images against those of a dataset; ``dataset`` and ``metrics`` are checked config nodes.

    Raises:
        ConfigError: The images cannot be read or do not fit the dataset, or the metrics do not fit them.
    """
    import numpy as np

    from gan_experiments.core.contracts import Batch
    from gan_experiments.data.fakes import fakes_from_array, load_fakes
    from gan_experiments.training.build import build_evaluator, construct, device_for_measuring

    device = device_for_measuring(accelerator)
    data = construct(dataset, "dataset", seed=seed)
    data.prepare_data()
    data.setup()
    if isinstance(source, Path):
        images, name, origin = load_fakes(source, data.facts), str(shown(source)), str(source.resolve())
    else:
        images, name, origin = fakes_from_array(np.asarray(source), data.facts), "the array", "array"
    count = metrics["samples"] or len(images)
    if count > len(images):
        raise ConfigError(f"metrics.samples: {count} asked for, {name} holds {len(images)} images")
    evaluator = build_evaluator(metrics, data, seed, count, labelled=False)
    evaluator.check(count, "metrics.samples" if metrics["samples"] else "fake")
    provenance = {"samples": count, "generator": "images", "truncation": None, "fake": origin}

    def sample(start: int, n: int) -> Batch:
        return Batch(images[start : start + n].to(device), None)

    record, real = _measured(evaluator, sample, count, provenance), data.facts.name
    return EvaluationResult(f"{name} against {real}", real, record)


def _measured(evaluator: Evaluator, sample: Sample, count: int, provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "final": plain(evaluator.final(sample, count)),
        "evaluation": provenance | evaluator.provenance(),
    }


def existing_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of images.

    Raises:
        ConfigError: There is no such file or folder.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ConfigError(f"fake: there is no {path}")
    return path
