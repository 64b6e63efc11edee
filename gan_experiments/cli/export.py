"""``gan-export``: the averaged generator of a run as ONNX, or with a model card in a folder or on the Hub."""

from __future__ import annotations

from pathlib import Path

from gan_experiments.api.push import push
from gan_experiments.api.request import Request
from gan_experiments.api.run import load_run
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import ExportConfig
from gan_experiments.core.files import check_new
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    command("export", ExportConfig, run)


def run(request: Request) -> int:
    """Write the file and say where, and how near it is to torch."""
    options = request.config
    exported = load_run(options["run"], options["trusted"])
    if options["push"] is not None:
        if options["output"] is not None:
            raise ConfigError("output: names an ONNX file, and push= writes none")
        print(push(exported, options["push"], options["checkpoint"]))
        return 0
    output = Path(options["output"] or exported.folder / "generator.onnx")
    check_new(output, "output")
    if output.suffix.lower() != ".onnx":
        raise ConfigError(f"output: {output} is no .onnx, which this is written as")
    from gan_experiments.runs.onnx import export_onnx, require_onnx

    require_onnx()
    difference = export_onnx(exported.generator(checkpoint=options["checkpoint"]), output)
    print(f"{shown(output)}: at most {difference:.1g} from torch, in ONNX Runtime")
    return 0


if __name__ == "__main__":
    main()
