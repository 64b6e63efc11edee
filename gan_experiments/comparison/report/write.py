"""Writes the report of a comparison: an HTML page, Markdown and LaTeX tables, CSV and Parquet data."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gan_experiments.comparison.comparison import Comparison
from gan_experiments.comparison.report import export
from gan_experiments.comparison.report.html import page
from gan_experiments.comparison.report.latex import PACKAGES, as_latex
from gan_experiments.comparison.report.measured import measured
from gan_experiments.comparison.report.tables import as_markdown, tables
from gan_experiments.comparison.report.wording import score_name, verdict
from gan_experiments.core.clock import now
from gan_experiments.core.escape import for_markdown, printable
from gan_experiments.core.files import check_place, replacing, write_json
from gan_experiments.core.text import csv_of_columns
from gan_experiments.core.types import ConfigError

MANIFEST = "comparison.json"
_PACKAGES = ("gan-experiments", "numpy", "scipy", "matplotlib")

Content = str | Callable[[Path], None]


def write_report(comparison: Comparison, study: Path, folder: Path, command: str) -> list[Path]:
    """Write all files of a report on a study into a folder, at once; ``command`` makes the same report.

    Returns:
        The files, the page first.

    Raises:
        ConfigError: One of the files exists and was not written by an earlier comparison, or none can be made there;
            nothing is written then.
    """
    provenance = _provenance(comparison, study, command)
    runs, curves = export.run_columns(comparison), export.curve_columns(comparison)
    files: dict[str, Content] = {
        "report.html": page(comparison, study.resolve().name, provenance),
        "report.md": _markdown(comparison, study.resolve().name, provenance),
        "report.tex": _latex(comparison, provenance),
        "runs.csv": csv_of_columns(runs),
        "curves.csv": csv_of_columns(curves),
    }
    if export.has_parquet():
        files["runs.parquet"] = lambda path: export.write_parquet(runs, path)
        files["curves.parquet"] = lambda path: export.write_parquet(curves, path)
    check_place(folder, "output")
    _refuse_changed(folder, files)
    hashes = {}
    with ExitStack() as stack:  # all or none: a part of them would count as changed by someone else
        for name, content in files.items():
            temporary = stack.enter_context(replacing(folder / name))
            if isinstance(content, str):
                temporary.write_text(content, encoding="utf-8")
            else:
                content(temporary)
            hashes[name] = _hash(temporary)
    sentences = {"verdict": verdict(comparison), "measured": measured(comparison)}
    write_json(folder / MANIFEST, {"provenance": provenance, **sentences, "files": hashes})
    return [folder / name for name in files]


def _refuse_changed(folder: Path, files: Mapping[str, Any]) -> None:
    written: dict[str, Any] = {}
    if (folder / MANIFEST).is_file():
        try:
            written = dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigError(f"output: {folder / MANIFEST} was not written by gan-compare; set output=...") from None
    foreign = [name for name in files if (folder / name).exists() and _hash(folder / name) != written.get(name)]
    if foreign:
        raise ConfigError(
            f"output: {', '.join(foreign)} in {folder} would be overwritten, but was not written by gan-compare or has "
            "been changed since; move it away or set output=..."
        )


def _provenance(comparison: Comparison, study: Path, command: str) -> dict[str, str]:
    runs = comparison.runs
    commits = {str(git.get("commit"))[:10] for run in runs if isinstance(git := run.record.get("git"), dict)}
    trained_with = {
        " ".join(f"{name} {number}" for name, number in versions.items())
        for run in runs
        if isinstance(versions := run.record.get("versions"), dict)
    }
    own = [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)]
    return {
        "command": command,
        "study": str(study.resolve()),
        "created": now(),
        "compared with": ", ".join(own),
        "trained with": "; ".join(sorted(trained_with)) or "not recorded",
        "commits": ", ".join(sorted(commits)) or "not recorded",
    }


def _markdown(comparison: Comparison, name: str, provenance: Mapping[str, str]) -> str:
    parts = [for_markdown(line) for line in [*verdict(comparison), *measured(comparison)]]
    parts.insert(0, f"# {for_markdown(f'{name}: {score_name(comparison)}')}")
    parts += ["\n".join(f"- {for_markdown(line)}" for line in comparison.warnings)] if comparison.warnings else []
    for table in tables(comparison):
        parts += [f"## {for_markdown(table.title)}", as_markdown(table), for_markdown(table.note)]
    parts += ["## Provenance", "\n".join(f"- {label}: {for_markdown(text)}" for label, text in provenance.items())]
    return "\n\n".join(parts) + "\n"


def _latex(comparison: Comparison, provenance: Mapping[str, str]) -> str:
    head = f"% {printable(provenance['command'])}, {provenance['created']}; needs \\usepackage{{{','.join(PACKAGES)}}}"
    ranking, *others = tables(comparison)
    ranking = ranking._replace(note=" ".join([*measured(comparison), ranking.note]))
    return "\n\n".join([head, *map(as_latex, [ranking, *others])]) + "\n"


def _hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
