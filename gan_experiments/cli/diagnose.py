"""``gan-diagnose``: what would have helped a run that failed, from short replays of it with something changed."""

from __future__ import annotations

import sys

from gan_experiments.api.diagnose import diagnose
from gan_experiments.api.request import Request
from gan_experiments.api.run import load_run
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import DiagnoseConfig
from gan_experiments.core.escape import printable
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    command("diagnose", DiagnoseConfig, run)


def run(request: Request) -> int:
    """Replay the run, print what survives, and write it down."""
    options = request.config
    diagnosed = load_run(options["run"], options["trusted"], request.places)
    output = RunFolder(options["output"] or diagnosed.folder)
    output.check_place("output")

    def say(line: str) -> None:
        print(printable(line), file=sys.stderr, flush=True)

    bar = sys.stderr.isatty()  # a log needs no more than a line for each replay
    diagnosis = diagnose(diagnosed, options["images"], options["checkpoint"], options["only"], say, bar)
    files = diagnosis.write(output.path)
    print(f"{printable(diagnosis.replayed)}\n{printable(diagnosis.verdict)}")
    print("\n".join(f"  {shown(file)}" for file in files))
    return 0


if __name__ == "__main__":
    main()
