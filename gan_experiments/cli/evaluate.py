"""``gan-evaluate``: measure the generator of a run, or any images against those of a dataset."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from gan_experiments.cli._command import Request, checked_run, command
from gan_experiments.config.command_schemas import EvaluateConfig
from gan_experiments.config.schema import Config
from gan_experiments.core.files import write_json
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import measures, shown


def main() -> None:
    """Run the command."""
    command("evaluate", EvaluateConfig, run)


def run(request: Request) -> int:
    """Print the measures with how they were obtained, and add them to the record of the run."""
    options = request.config
    dataset = options.get("dataset")
    if options["run"] is not None and options["fake"] is None and dataset is None:
        return _measure_run(options)
    if options["run"] is None and options["fake"] is not None and dataset is not None:
        return _measure_images(options)
    raise ConfigError("say what to measure: run=<folder of a run>, or fake=<folder of images> with dataset=<real ones>")


def _measure_run(options: dict[str, Any]) -> int:
    folder = RunFolder(options["run"])
    config = checked_run(folder, Config, options["trusted"])
    from gan_experiments.training.build import build_evaluator
    from gan_experiments.training.callbacks.evaluation import EvaluationSamples
    from gan_experiments.training.restore import restore

    raw = options["generator"] == "raw"
    system, data = restore(config, folder, options["checkpoint"], options["accelerator"], raw)
    metrics = options["metrics"]
    count = metrics["samples"] or metrics["final_samples"]
    seed = config["seed"] if options["seed"] is None else options["seed"]
    evaluator = build_evaluator(metrics, data, seed, count, labelled=system.num_classes > 0)
    evaluator.check(count, "metrics.samples")
    data.prepare_data()
    data.setup()
    truncation = options["truncation"]
    found = evaluator.final(EvaluationSamples(system, count, seed, not raw, truncation), count)
    how = {"samples": count, "generator": options["generator"], "truncation": truncation, "seed": seed}
    result = {
        **_told(found, how | evaluator.provenance()),
        "checkpoint": options["checkpoint"],
        "images_seen": system.clock.images_seen,
    }
    folder.update_record(evaluations=[*folder.record().get("evaluations", []), result])
    print(f"{shown(folder.path)}, {options['checkpoint']} checkpoint at {system.clock.images_seen:,} images")
    print("\n".join(measures(result)))
    return 0


def _measure_images(options: dict[str, Any]) -> int:
    path = Path(options["fake"]).expanduser()
    if not path.exists():
        raise ConfigError(f"fake: there is no {path}")
    from gan_experiments.core.contracts import Batch
    from gan_experiments.data.fakes import load_fakes
    from gan_experiments.training.build import build_evaluator, construct, device_for_measuring

    device = device_for_measuring(options["accelerator"])
    seed = options["seed"] or 0
    data = construct(options["dataset"], seed=seed)
    data.prepare_data()
    data.setup()
    images = load_fakes(path, data.facts)
    metrics = options["metrics"]
    count = metrics["samples"] or len(images)
    if count > len(images):
        raise ConfigError(f"metrics.samples: {count} asked for, {path} holds {len(images)} images")
    evaluator = build_evaluator(metrics, data, seed, count, labelled=False)
    evaluator.check(count, "metrics.samples" if metrics["samples"] else "fake")
    found = evaluator.final(lambda start, n: Batch(images[start : start + n].to(device), None), count)
    how = {"samples": count, "generator": "images", "truncation": None, "fake": str(path.resolve())}
    result = _told(found, how | evaluator.provenance())
    key = hashlib.blake2b(json.dumps(result, sort_keys=True).encode(), digest_size=4).hexdigest()
    output = Path("outputs/evaluations") / f"{path.stem}-{data.facts.name}-{key}.json"
    write_json(output, result)
    print(f"{shown(path)} against {data.facts.name}")
    print("\n".join([*measures(result), f"  record       {shown(output)}"]))
    return 0


def _told(found: Any, how: dict[str, Any]) -> dict[str, Any]:
    return {
        "final": found.values,
        "margins": found.margins,
        "real_baseline": found.real_baseline,
        "real_baseline_spread": found.real_baseline_spread,
        "evaluation": how,
    }


if __name__ == "__main__":
    main()
