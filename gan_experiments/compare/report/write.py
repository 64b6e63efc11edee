"""Writes a comparison into a folder: a page, tables for papers, and data."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gan_experiments.compare.comparison import Comparison
from gan_experiments.compare.report import export
from gan_experiments.compare.report.html import page
from gan_experiments.compare.report.tables import as_latex, as_markdown, tables
from gan_experiments.compare.report.wording import measure_name, verdict
from gan_experiments.core.files import replacing, write_json
from gan_experiments.core.types import ConfigError

MANIFEST = "comparison.json"
_PACKAGES = ("gan-experiments", "numpy", "scipy", "matplotlib")

Writer = Callable[[Path], None]


def write_report(comparison: Comparison, study: Path, folder: Path, command: str) -> list[Path]:
    """Write all files of a report, each in one piece; ``command`` is what makes it again.

    Returns:
        The files, the page first.

    Raises:
        ConfigError: One of them exists and is not as an earlier comparison wrote it; nothing is written then.
    """
    made = _made(comparison, study, command)
    rows, curves = export.run_rows(comparison), export.curve_rows(comparison)
    files: dict[str, Writer] = {
        "report.html": _text(page(comparison, study.resolve().name, made)),
        "report.md": _text(_markdown(comparison, study.resolve().name, made)),
        "report.tex": _text(_latex(comparison, made)),
        "runs.csv": _text(export.as_csv(rows)),
        "curves.csv": _text(export.as_csv(curves)),
    }
    if export.has_parquet():
        files["runs.parquet"] = lambda path: export.write_parquet(rows, path)
        files["curves.parquet"] = lambda path: export.write_parquet(curves, path)
    _refuse_changed(folder, files)
    hashes = {}
    for name, write in files.items():
        with replacing(folder / name) as temporary:
            write(temporary)
            hashes[name] = _hash(temporary)
    write_json(folder / MANIFEST, {"made": made, "verdict": verdict(comparison), "files": hashes})
    return [folder / name for name in files]


def _refuse_changed(folder: Path, files: Mapping[str, Any]) -> None:
    written: Any = {}
    if (folder / MANIFEST).is_file():
        try:
            written = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigError(f"output: {folder / MANIFEST} is not of an earlier comparison; say output=...") from None
    strange = [name for name in files if (folder / name).exists() and _hash(folder / name) != written.get(name)]
    if strange:
        told = ", ".join(strange)
        raise ConfigError(
            f"output: {told} in {folder} would be overwritten, but gan-compare did not write it so; "
            "move it away or say output=..."
        )


def _made(comparison: Comparison, study: Path, command: str) -> dict[str, str]:
    runs = [run for arm in comparison.arms for run in arm.arm.runs.values()]
    commits = {str(git.get("commit"))[:10] for run in runs if isinstance(git := run.record.get("git"), dict)}
    trained = {
        " ".join(f"{name} {number}" for name, number in versions.items())
        for run in runs
        if isinstance(versions := run.record.get("versions"), dict)
    }
    own = [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)]
    return {
        "command": command,
        "study": str(study.resolve()),
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "compared by": ", ".join(own),
        "trained by": "; ".join(sorted(trained)) or "not recorded",
        "commits": ", ".join(sorted(commits)) or "not recorded",
    }


def _markdown(comparison: Comparison, name: str, made: Mapping[str, str]) -> str:
    parts = [f"# {name}: {measure_name(comparison)}", *verdict(comparison)]
    parts += ["\n".join(f"- {line}" for line in comparison.warnings)] if comparison.warnings else []
    for table in tables(comparison):
        parts += [f"## {table.title}", as_markdown(table), table.note]
    parts += ["## How it was made", "\n".join(f"- {key}: {value}" for key, value in made.items())]
    return "\n\n".join(parts) + "\n"


def _latex(comparison: Comparison, made: Mapping[str, str]) -> str:
    head = f"% {made['command']}, {made['made']}; needs \\usepackage{{booktabs}}"
    return "\n\n".join([head, *(as_latex(table) for table in tables(comparison))]) + "\n"


def _text(text: str) -> Writer:
    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def _hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
