"""``gan-sample``: pictures from the averaged generator of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gan_experiments.api.request import Request
from gan_experiments.api.run import load_run
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import SampleConfig
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    command("sample", SampleConfig, run)


def run(request: Request) -> int:
    """Write a picture of samples as a PNG and say where."""
    options = request.config
    sampled = load_run(options["run"], options["trusted"])
    output = _output(sampled.files, options)
    import torch

    from gan_experiments.core.images import save_png
    from gan_experiments.training.build import construct

    system, data = sampled.restore(options["checkpoint"], options["accelerator"])
    sheet = construct(options["kind"])
    if sheet.needs_data:
        data.prepare_data()
        data.setup()
    with torch.no_grad():
        picture = sheet(system.ema.module.eval(), data, options["seed"])
    save_png(picture, output)
    print(shown(output))
    return 0


def _output(folder: RunFolder, options: dict[str, Any]) -> Path:
    """Return a file that does not exist yet.

    Raises:
        ConfigError: The one asked for does.
    """
    if options["output"] is not None:
        output = Path(options["output"])
        if output.exists():
            raise ConfigError(f"output: {output} exists and is not overwritten")
        return output
    kind = options["kind"]["_target_"].rpartition(".")[2].lower()
    checkpoint = options["checkpoint"] if options["checkpoint"] in ("last", "best") else "custom"
    number = 1
    while (output := folder.samples / f"{kind}-{checkpoint}-seed{options['seed']}-{number}.png").exists():
        number += 1
    return output


if __name__ == "__main__":
    main()
