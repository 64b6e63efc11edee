"""``gan-evaluate``: measure the averaged generator of a run."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_experiments.cli._main import checked_run, command
from gan_experiments.config import EvaluateConfig
from gan_experiments.run import RunFolder
from gan_experiments.summary import measures, shown


def main() -> None:
    """Run the command."""
    command("evaluate", EvaluateConfig, run)


def run(cfg: DictConfig) -> int:
    """Print the measures of a run and add them to its record."""
    options: Any = OmegaConf.to_container(cfg, resolve=True)
    folder = RunFolder(options["run"])
    config = checked_run(folder, options["trusted"])
    from gan_experiments.build import build_evaluator
    from gan_experiments.callbacks.evaluation import EvaluationSamples
    from gan_experiments.restore import restore

    system, data = restore(config, folder, options["checkpoint"], options["accelerator"])
    data.prepare_data()
    data.setup()
    metrics = options["metrics"]
    count = options["samples"] or metrics["final_samples"]
    seed = config["seed"] if options["seed"] is None else options["seed"]
    evaluator = build_evaluator(metrics, data, seed)
    result = {
        "final": evaluator(EvaluationSamples(system, count, seed), count),
        "yardstick": evaluator.yardstick(),
        "evaluation": {"samples": count, "generator": "ema", "seed": seed} | evaluator.passport(),
        "checkpoint": options["checkpoint"],
        "images_seen": system.clock.images_seen,
    }
    folder.update_record(evaluations=[*folder.record().get("evaluations", []), result])
    print(f"{shown(folder.path)}, {options['checkpoint']} checkpoint at {system.clock.images_seen:,} images")
    print("\n".join(measures(result)))
    return 0


if __name__ == "__main__":
    main()
