"""Exports the runs of a study as tables: one row per run, and one per periodic evaluation of a measure."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

from gan_experiments.comparison.arms import costs_of
from gan_experiments.comparison.collect import CollectedRun
from gan_experiments.comparison.comparison import Comparison
from gan_experiments.core.dotted import flatten
from gan_experiments.runs.findings import findings
from gan_experiments.runs.results import estimates, scores

_PROVENANCE = ("versions", "git", "host", "device", "threads", "processes", "dataset", "parameters", "evaluation")
_STATUS = ("started", "ended", "reason")

Rows = list[dict[str, Any]]


def run_rows(comparison: Comparison) -> Rows:
    """Return one row per run: arm, config, results, cost and provenance."""
    runs = [(arm.label, run) for arm in comparison.arms for run in arm.arm.runs.values()]
    keys = {key for _, run in runs for key in run.config}
    varying = sorted(key for key in keys if len({_cell(run.config.get(key)) for _, run in runs}) > 1)
    rows = [_run_row(label, run, varying) for label, run in runs]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return [{column: row.get(column) for column in columns} for row in rows]


def curve_rows(comparison: Comparison) -> Rows:
    """Return one row per run, measure and clock value."""
    return [
        {
            "run": run.name,
            "arm": arm.label,
            "seed": run.seed,
            "measure": name,
            "images_seen": int(images),
            "seconds": None if math.isnan(seconds) else float(seconds),
            "value": float(value),
        }
        for arm in comparison.arms
        for run in arm.arm.runs.values()
        for name, curve in run.curves.items()
        for images, value, seconds in zip(*curve, strict=True)
    ]


def has_parquet() -> bool:
    """Return whether the package that writes Parquet is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_parquet(rows: Rows, path: Path) -> None:
    """Write rows as Parquet; a column of mixed types, or of integers beyond 64 bits, becomes text."""
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for name in rows[0] if rows else []:
        values = [row[name] for row in rows]
        types = {type(value) for value in values if value is not None}
        uniform = len(types) <= 1 or types == {int, float}
        fits = all(value.bit_length() < 64 for value in values if isinstance(value, int))
        columns[name] = values if uniform and fits else [None if value is None else str(value) for value in values]
    parquet.write_table(pyarrow.table(columns), path)


def _run_row(label: str, run: CollectedRun, varying: list[str]) -> dict[str, Any]:
    record = run.record
    row: dict[str, Any] = {"run": run.name, "arm": label, "seed": run.seed, "status": run.status}
    row["overrides"] = " ".join(map(str, record.get("overrides") or []))
    row |= {f"choice/{key}": value for key, value in _mapping(record.get("choices")).items()}
    row |= {f"config/{key}": _cell(run.config.get(key)) for key in varying}
    row |= {f"final/{key}": each.value for key, each in estimates(record).items()}
    row |= {f"best/{key}": value for key, value in scores(record, "best").items()}
    row |= {f"real_baseline/{key}": each.real_baseline for key, each in estimates(record).items()}
    for name, curve in run.curves.items():
        row[f"last/{name}"] = float(curve.values[-1])
        row[f"lowest/{name}"], row[f"highest/{name}"] = float(curve.values.min()), float(curve.values.max())
    row |= costs_of(run)
    row |= {key: record.get(key) for key in _STATUS}
    row["findings"] = " ".join(finding.name for finding in findings(record)) or None
    provenance = flatten({key: record[key] for key in _PROVENANCE if key in record})
    return {key: _cell(value) for key, value in (row | provenance).items()}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float, bool)) else json.dumps(value, default=str)
