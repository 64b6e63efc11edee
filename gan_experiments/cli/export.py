"""``gan-export``: the averaged generator of a run as ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gan_experiments.cli._command import Request, checked_run, command
from gan_experiments.config.command_schemas import ExportConfig
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    command("export", ExportConfig, run)


def run(request: Request) -> int:
    """Write the file and say where, and how near it is to torch."""
    options = request.config
    folder = RunFolder(options["run"])
    config = checked_run(folder, Config, options["trusted"])
    output = Path(options["output"] or folder.path / "generator.onnx")
    if output.exists():
        raise ConfigError(f"output: {output} exists and is not overwritten")
    from gan_experiments.runs.onnx import export_onnx, require_onnx

    require_onnx()
    from gan_experiments.training.restore import restore

    system, _ = restore(config, folder, options["checkpoint"], "cpu")
    generator: Any = system.ema.module.eval()
    difference = export_onnx(generator, output)
    print(f"{shown(output)}: at most {difference:.1g} from torch, in ONNX Runtime")
    return 0


if __name__ == "__main__":
    main()
