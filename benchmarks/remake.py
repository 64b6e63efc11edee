"""Makes the tables of `benchmarks/results/` again, each by the command that its first line names.

    python benchmarks/remake.py                   # all that need neither a GPU nor files of yours: some hours
    python benchmarks/remake.py frechet networks  # these
    python benchmarks/remake.py --list            # the commands

A script that fails is named at the end and does not stop the others; its old table stays.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMANDS = {  # of each table; what stands in <> is a file or folder of yours
    "training_speed": "--rounds 5 --restarts 3",
    "sweep_overhead": "--jobs 8",
    "networks": "--sizes 32 64 128 --batch 8 --rounds 2 --steps 1",
    "memory": "",
    "penalty_cost": "--rounds 5",
    "frechet": "--rounds 5",
    "extractors": "--rounds 5",
    "real_baseline": "",
    "verdict_errors": "--studies 4000",
    "sequential": "--studies 2000",
    "sequential_bound": "",
    "measure_movement": "dataset=mnist",
    "diagnosis": "",
    "input_cost": "--archive <a zip of pictures>",
    "loss_table": "--images 300000 --seeds 0 --folder <folder for its runs>",
    "first_commands": "--folder <folder for its runs>",
    "translation_speed": "--authors <their code> --rounds 3",
    "gpu": "<a machine with a GPU>",
}


def main() -> None:
    """Run the scripts one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "tables", nargs="*", metavar="TABLE", help=f"default: all that need nothing: {', '.join(ready())}"
    )
    parser.add_argument("--list", action="store_true", help="print the commands")
    options = parser.parse_args()
    if unknown := sorted(set(options.tables) - set(COMMANDS)):
        parser.error(f"no such table: {', '.join(unknown)}; there are {', '.join(COMMANDS)}")
    if options.list:
        print("\n".join(f"python benchmarks/{name}.py {line}".rstrip() for name, line in COMMANDS.items()))
        return
    if lacking := [name for name in options.tables if name not in ready()]:
        parser.error("\n".join(f"{name} needs {COMMANDS[name]}: start it by itself" for name in lacking))
    failed = [name for name in options.tables or ready() if not remake(name)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def ready() -> list[str]:
    """Return the tables whose commands need nothing of yours."""
    return [name for name, line in COMMANDS.items() if "<" not in line]


def remake(name: str) -> bool:
    """Run a script; returns whether it succeeded."""
    script = [str(HERE / f"{name}.py"), *shlex.split(COMMANDS[name]), "--output", str(HERE / "results" / f"{name}.md")]
    print(f"{name}: {shlex.join(script)}", flush=True)
    return subprocess.run([sys.executable, *script], check=False).returncode == 0


if __name__ == "__main__":
    main()
