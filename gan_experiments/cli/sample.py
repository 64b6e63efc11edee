"""``gan-sample``: sheets of images from the generator of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gan_experiments.api.request import Request
from gan_experiments.api.run import load_run
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import SampleConfig
from gan_experiments.core.files import check_new, check_place
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    for hint in hints(sys.argv[1:]):
        print(f"Hint: {hint}", file=sys.stderr)
    command("sample", SampleConfig, run)


def hints(arguments: Sequence[str]) -> Iterator[str]:
    """Yield what was probably meant by overrides that confuse what is drawn with the file that is written."""
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key == "kind" or key.startswith("kind."):
            yield f"output= chooses what is drawn: {argument.replace('kind', 'output', 1)}"
        elif key == "output" and ("/" in value or "." in value):
            yield f"output= chooses what is drawn, file= the file to write: file={value}"


def run(request: Request) -> int:
    """Draw a sheet, write it as a PNG, or a video, and print its path."""
    options = request.config
    sampled = load_run(options["run"], options["trusted"], request.places)
    import torch

    from gan_experiments.core.memory import within_memory
    from gan_experiments.sampling.base import refuse_translator
    from gan_experiments.training.build import construct

    sheet = construct(options["output"], "output")
    file = _new_file(sampled.files, options, sheet.suffixes[0])
    sheet.check_file(file)
    raw = options["generator"] == "raw"
    system, data = sampled.restore(options["checkpoint"], options["accelerator"], raw)
    refuse_translator(system.ema.module)
    if options["standing_batches"] is not None:
        system.use_standing_statistics(options["standing_batches"], "standing_batches")
    generator = system.evaluated(not raw)
    named = sampled.record.get("class_names")  # known even where the images are not
    sheet.class_names = list(map(str, named)) if isinstance(named, list) else data.class_names
    if sheet.needs_data:
        data.prepare_data()
        data.setup()
    with torch.no_grad(), within_memory("output", options["output"]):
        sheet.save(generator.eval(), data, options["seed"], file)
    print(shown(file))
    return 0


def _new_file(folder: RunFolder, options: dict[str, Any], suffix: str) -> Path:
    """Return the file to write, which does not exist yet; one that is not given has ``suffix``.

    Raises:
        ConfigError: The given file exists, or none can be made there.
    """
    if options["file"] is not None:
        file = Path(options["file"])
        check_new(file, "file")
        return file
    name = options["output"]["_target_"].rpartition(".")[2].lower()
    checkpoint = options["checkpoint"] if options["checkpoint"] in ("last", "best") else "custom"
    checkpoint += "-raw" if options["generator"] == "raw" else ""
    number = 1
    while (file := folder.samples / f"{name}-{checkpoint}-seed{options['seed']}-{number}{suffix}").exists():
        number += 1
    check_place(file, "file")
    return file


if __name__ == "__main__":
    main()
