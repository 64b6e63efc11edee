"""``gan-import``: a run folder of networks that other code has trained."""

from __future__ import annotations

from gan_experiments.api.import_network import import_network
from gan_experiments.api.request import Request
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import ImportConfig
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command; the file may stand by itself."""
    command("import", ImportConfig, run, words="file")


def run(request: Request) -> int:
    """Write the run folder and say what is in it."""
    imported = import_network(request.config["file"], request.config["output"])
    origin = imported.record["imported"]
    print(f"{shown(imported.folder)}: {origin['family']}, {', '.join(origin['networks'])}")
    print(f"  gan-sample run={shown(imported.folder)}")
    return 0


if __name__ == "__main__":
    main()
