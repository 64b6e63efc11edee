"""The ledger of reproductions: what papers say, what came out here, and the verdicts, as a page of the docs.

    python benchmarks/reproductions.py                                 # the page, from reproductions/
    python benchmarks/reproductions.py --run dirac --folder /tmp/runs  # trains what is missing of a study before
    python benchmarks/reproductions.py --take dirac --folder /tmp/runs # takes what the runs that there are came to

Values are kept beside the published table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import head, insert, row

from gan_experiments.comparison.comparison import compare
from gan_experiments.comparison.published import (
    FILE,
    Published,
    PublishedResult,
    folder,
    measured,
    read_published,
    verdicts_on,
)
from gan_experiments.comparison.report.tables import as_markdown, published_table

RESULTS = "results.json"
PAGE = Path(__file__).parents[1] / "docs" / "reproductions.md"
BEGIN, END = "<!-- ledger -->", "<!-- end of the ledger -->"


def names() -> list[str]:
    """Return the names of the published tables."""
    return sorted(file.parent.name for file in folder().glob(f"*/{FILE}"))


def train(name: str, runs: Path) -> None:
    """Repeat a study; runs that are finished are skipped."""
    _, *command = shlex.split(read_published(name).command)
    given = [word for word in command if not word.startswith("hydra.sweep.dir=")]
    program = [sys.executable, "-m", "gan_experiments.cli.train", *given, f"hydra.sweep.dir={runs}"]
    subprocess.run(program, env=os.environ | {"OMP_NUM_THREADS": "1"}, cwd=folder().parent, check=False)


def take(name: str, runs: Path) -> None:
    """Keep what came out of the runs below a folder beside the published table."""
    table = read_published(name)
    comparison = compare(runs, published=name)
    own = {arm.label: list(arm.arm.runs.values()) for arm in comparison.arms if arm.label in table.arms}
    records = [run.record for each in own.values() for run in each]
    found = {
        "commits": sorted({str((record.get("git") or {}).get("commit"))[:10] for record in records}),
        "torch": sorted({str((record.get("versions") or {}).get("torch")) for record in records}),
        "minutes": round(sum(run.recorded("seconds") or 0 for each in own.values() for run in each) / 60, 1),
        "arms": {label: measured(table.arms[label], each) for label, each in own.items()},
    }
    (folder() / name / RESULTS).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def results(name: str) -> dict[str, Any]:
    """Return what came out; empty if nothing has been run."""
    file = folder() / name / RESULTS
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def verdicts(name: str) -> list[PublishedResult]:
    """Return the verdict on every published value."""
    table, found = read_published(name), results(name).get("arms", {})
    nothing = {"images": 0, "values": {}}
    return [each for label in table.arms for each in verdicts_on(table, label, found.get(label, nothing))]


def page() -> Iterator[str]:
    """Yield the lines of the ledger: the verdicts of all tables, and a section for each."""
    yield from head("table", "inside", "outside", "cannot be told")
    for name in names():
        words = [each.verdict for each in verdicts(name)]
        title = read_published(name).title
        counts = [words.count(word) or "" for word in ("inside", "outside", "cannot be told")]
        yield row(f"[{title}](#{anchor(title)})", *counts)
    for name in names():
        yield from section(name, read_published(name), results(name))


def anchor(title: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def section(name: str, table: Published, found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines about one table."""
    yield from ("", f"### {table.title}", "", f"{table.paper}.", "", "```", table.command)
    runs = re.search(r"hydra\.sweep\.dir=(\S+)", table.command)
    yield from (f"gan-compare study={runs[1] if runs else f'outputs/{name}'} published={name}", "```", "")
    yield as_markdown(published_table(verdicts(name)))
    if found:
        yield ""
        took = f"{found['minutes']:.0f} minutes" if found["minutes"] >= 1 else "Less than a minute"
        yield f"{took} of training, torch {', '.join(found['torch'])}."
    for text in table.notes:
        yield from ("", text.strip())
    yield ""
    yield from head("setting", "published", "here")
    for key, (theirs, ours) in table.protocol.items():
        yield row(key, theirs, ours)
    if table.unknown:
        yield from ("", "Unknown, or contradictory:", "", *(f"- {text}" for text in table.unknown))


def main() -> None:
    """Train, take or only write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="*", default=[], choices=names(), metavar="NAME", help="studies to repeat")
    parser.add_argument("--take", nargs="*", default=[], choices=names(), metavar="NAME", help="studies to read")
    parser.add_argument("--folder", type=Path, help="above the folders of the studies")
    arguments = parser.parse_args()
    for name in arguments.run:
        train(name, arguments.folder / name)
    for name in [*arguments.run, *arguments.take]:
        take(name, arguments.folder / name)
    insert("\n".join(page()), PAGE, BEGIN, END)


if __name__ == "__main__":
    main()
