"""What the measurements share: their options, warm-up and turns, medians of ratios, and the line about the machine.

Contenders take turns within one run, so that whatever else the machine does hits all of them; a speed is reported with
its ratio to another contender of the same round. Seconds by themselves depend on the machine and its load, which every
table names.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

BUSY = 0.3  # load per core at the start from which a machine is called busy
RATIOS = (
    "Images/s are medians over rounds, and so are ratios, each of one round: "
    "a ratio is not that of the medians beside it."
)
_AT_THE_START = os.getloadavg()[0]

Segment = Callable[[], float]  # takes a measurement: a speed, or seconds


def parser(doc: str | None, *, rounds: int | None = None, threads: int | None = None) -> argparse.ArgumentParser:
    """Return a parser with ``--output``, and with ``--rounds`` and ``--threads`` if they have a default."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if rounds is not None:
        made.add_argument("--rounds", type=int, default=rounds, help="turns of each contender, beside a warm-up")
    if threads is not None:
        made.add_argument("--threads", type=int, default=threads)
    made.add_argument("--output", type=Path, help="file for the table")
    return made


def turns(segments: Mapping[str, Segment], rounds: int) -> dict[str, list[float]]:
    """Return the measurements of each contender, one for each round; a first one warms up and is left out."""
    taken: dict[str, list[float]] = {name: [] for name in segments}
    for turn in range(rounds + 1):
        for name, segment in segments.items():
            value = segment()
            if turn:
                taken[name].append(value)
    return taken


def turns_of_processes(
    commands: Mapping[str, Sequence[str]], rounds: int, environment: Mapping[str, str] | None = None
) -> dict[str, list[float]]:
    """Return what ``turns`` does, with a process for each contender: one that calls ``serve``."""
    workers = {
        name: subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
        )
        for name, command in commands.items()
    }  # fmt: skip

    def ask(name: str) -> float:
        print("go", file=workers[name].stdin, flush=True)
        answer = workers[name].stdout.readline()  # type: ignore[union-attr]
        if not answer:
            sys.exit(f"{name}: its process has ended")
        return float(answer)

    taken = turns({name: lambda name=name: ask(name) for name in workers}, rounds)  # type: ignore[misc]
    for worker in workers.values():
        worker.communicate("")
    return taken


def serve(segment: Segment) -> None:
    """Take a measurement for every line of the input and print it: a contender in a process of its own."""
    for _ in sys.stdin:
        print(segment(), file=sys.__stdout__, flush=True)  # the bar of a run takes the place of sys.stdout


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Return the median over rounds of one contender's values divided by those of another."""
    return statistics.median(value / other for value, other in zip(values, others, strict=True))


def heading(*facts: str) -> list[str]:
    """Return the first lines of a table: the command, the machine, how busy it was, torch, and further facts."""
    cores = os.cpu_count() or 1
    busy = f"load {_AT_THE_START:.1f} at the start" + (" (busy)" if BUSY * cores < _AT_THE_START else "")
    script, *options = sys.argv
    command = shlex.join(["python", f"benchmarks/{Path(script).name}", *options])
    machine = f"`{command}` on {cores} cores ({processor()}), {busy}"
    return [f"{machine}; {', '.join(['torch ' + version('torch'), *facts])}", ""]


def row(*cells: object) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(*names: str) -> list[str]:
    """Return the head of a table."""
    return [row(*names), "|---" * len(names) + "|"]


def report(lines: Sequence[str], output: Path | None) -> None:
    """Print the lines, and write them to a file if one is named."""
    text = "\n".join(lines)
    print(text)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", encoding="utf-8")


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def insert(text: str, page: Path, begin: str, end: str) -> None:
    """Put a table between two marks of a page, in place of the one there."""
    inside = re.compile(f"{begin}.*?{end}", re.DOTALL)
    page.write_text(inside.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page.read_text("utf-8")), "utf-8")
