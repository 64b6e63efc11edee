"""``gan-evaluate``: measure the generator of a run, or any images against those of a dataset."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from gan_experiments.api.evaluate import Protocol, existing_path, measure_images, measure_run
from gan_experiments.api.request import Request
from gan_experiments.api.run import load_run
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import EvaluateConfig
from gan_experiments.core.files import check_place, write_json
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    command("evaluate", EvaluateConfig, run)


def run(request: Request) -> int:
    """Print the metrics with how they were obtained; those of images are written to a file, a run's to its record."""
    options = request.config
    dataset, devices = options.get("dataset"), options["devices"]
    protocol = Protocol(options["metrics"], seed=options["seed"], accelerator=options["accelerator"], devices=devices)
    if options["run"] is not None and options["fake"] is None:
        evaluated = load_run(options["run"], options["trusted"], request.places)
        protocol = replace(protocol, checkpoint=options["checkpoint"], raw=options["generator"] == "raw")
        how = {name: options[name] for name in ("truncation", "standing_batches")}
        print(measure_run(evaluated, replace(protocol, **how), options["name"], dataset))
        return 0
    if options["run"] is None and options["fake"] is not None and dataset is not None:
        path, folder = existing_path(options["fake"]), Path("outputs/evaluations")
        check_place(folder, "the record")
        result = measure_images(path, dataset, protocol)
        key = hashlib.blake2b(json.dumps(result.record, sort_keys=True).encode(), digest_size=4).hexdigest()
        output = folder / f"{path.stem}-{result.dataset}-{key}.json"
        write_json(output, result.record)
        print(f"{result}\n  record       {shown(output)}")
        return 0
    raise ConfigError("say what to measure: run=<folder of a run>, or fake=<folder of images> with dataset=<real ones>")


if __name__ == "__main__":
    main()
