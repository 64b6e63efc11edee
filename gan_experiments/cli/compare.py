"""``gan-compare``: what the runs of a study say, and how sure one can be. Imports no torch."""

from __future__ import annotations

from gan_experiments.api.request import Request
from gan_experiments.cli._command import command, no_collection
from gan_experiments.config.command_schemas import CompareConfig


def main() -> None:
    """Run the command."""
    command("compare", CompareConfig, run)


def run(request: Request) -> int:
    """Compare, write the report, and print what it says in short."""
    with no_collection(last=True):
        from gan_experiments.cli._comparison import compare_runs  # imports for longer than a question takes

        return compare_runs(request)


if __name__ == "__main__":
    main()
