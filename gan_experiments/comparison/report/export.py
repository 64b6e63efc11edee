"""Exports the runs of a study as tables: one row per run, and one per periodic evaluation of a measure."""

from __future__ import annotations

import importlib.util
import json
import math
from itertools import chain
from pathlib import Path
from typing import Any

from gan_experiments.comparison.arms import costs_of
from gan_experiments.comparison.collect import CollectedRun
from gan_experiments.comparison.comparison import Comparison
from gan_experiments.core.dotted import distinct, flatten
from gan_experiments.runs.findings import findings
from gan_experiments.runs.results import estimates, scores

_PROVENANCE = ("versions", "git", "host", "device", "threads", "processes", "dataset", "parameters", "evaluation")
_STATUS = ("started", "ended", "reason")
_OF_CURVES = ("run", "arm", "seed", "measure", "images_seen", "seconds", "value")

Columns = dict[str, list[Any]]  # of one length


def run_columns(comparison: Comparison) -> Columns:
    """Return a table with one row per run: arm, config, results, cost and provenance."""
    runs = [(arm.label, run) for arm in comparison.arms for run in arm.arm.runs.values()]
    configs = [run.config for _, run in runs]
    keys = {key for config in configs for key in config}
    varying = sorted(key for key in keys if len(set(map(_cell, distinct(configs, key)))) > 1)
    rows = [_run_row(label, run, varying) for label, run in runs]
    return {column: [row.get(column) for row in rows] for column in dict.fromkeys(chain.from_iterable(rows))}


def curve_columns(comparison: Comparison) -> Columns:
    """Return a table with one row per run, measure and clock value."""
    columns: Columns = {key: [] for key in _OF_CURVES}
    for arm in comparison.arms:
        for run in arm.arm.runs.values():
            for name, curve in run.curves.items():
                texts = (run.name, arm.label, run.seed, name)
                images, values, seconds = (part.tolist() for part in curve)
                known = [None if math.isnan(second) else second for second in seconds]
                parts = (*([text] * len(images) for text in texts), map(int, images), known, values)
                for column, part in zip(columns.values(), parts, strict=True):
                    column.extend(part)
    return columns


def has_parquet() -> bool:
    """Return whether the package that writes Parquet is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_parquet(table: Columns, path: Path) -> None:
    """Write a table as Parquet; a column of mixed types, or of integers beyond 64 bits, becomes text."""
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for name, values in table.items():
        types = set(map(type, values)) - {type(None)}
        uniform = len(types) <= 1 or types == {int, float}
        fits = int not in types or all(value.bit_length() < 64 for value in values if isinstance(value, int))
        columns[name] = values if uniform and fits else [None if value is None else str(value) for value in values]
    parquet.write_table(pyarrow.table(columns), path)


def _run_row(label: str, run: CollectedRun, varying: list[str]) -> dict[str, Any]:
    record = run.record
    row: dict[str, Any] = {"run": run.name, "arm": label, "seed": run.seed, "status": run.status}
    row["overrides"] = " ".join(map(str, record.get("overrides") or []))
    row |= {f"choice/{key}": value for key, value in _mapping(record.get("choices")).items()}
    row |= {f"config/{key}": _cell(run.config.get(key)) for key in varying}
    final = estimates(record)
    row |= {f"final/{key}": each.value for key, each in final.items()}
    row |= {f"best/{key}": value for key, value in scores(record, "best").items()}
    row |= {f"real_baseline/{key}": each.real_baseline for key, each in final.items()}
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
