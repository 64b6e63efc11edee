"""Reads the runs of a study from their folders, and from nothing else; imports no torch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

STATUSES = ("finished", "diverged", "failed", "interrupted", "pruned", "running")
OUTPUT = "comparison"  # the folder that a comparison writes, below the study's
# Measures of which more is better; of all others less is.
HIGHER = ("is", "precision", "recall", "density", "coverage", "accuracy")
_DEPTH = 2  # folders below the study that are searched
_ROWS = "metrics/"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a thousand configs take seconds with the one, minutes without

Floats = NDArray[np.float64]


class Curve(NamedTuple):
    """One measure along a run, three arrays of one length.

    Attributes:
        images: The clock.
        values: The measure, of the rows' sample count.
        seconds: Training time so far; NaN where the run has not logged any.
    """

    images: Floats
    values: Floats
    seconds: Floats


@dataclass(frozen=True)
class Run:
    """What a run has left behind.

    Attributes:
        name: The folder, relative to the study's.
        folder: The same as a run folder.
        config: Every value of the resolved config by its dotted key.
        record: The provenance.
        curves: Every measure that was logged along the run, by name.
    """

    name: str
    folder: RunFolder
    config: dict[str, Any]
    record: dict[str, Any]
    curves: dict[str, Curve]

    @property
    def status(self) -> str:
        """How it ended, or that it has not."""
        return str(self.record["status"])

    @property
    def seed(self) -> int:
        """Its seed."""
        return int(self.config["seed"])

    def noted(self, *keys: str) -> float | None:
        """Return a finite number of the record, by the keys that lead to it; ``None`` if there is none."""
        value: Any = self.record
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return finite(value)


class Collection(NamedTuple):
    """What lies below a study's folder: runs, and what is none, by its relative path with the reason."""

    runs: list[Run]
    left_out: list[tuple[str, str]]


def collect(study: Path | str) -> Collection:
    """Read every run below the folder of a study, at most two folders deep.

    Raises:
        ConfigError: There is no such folder, it is itself a run, or nothing in it can be read as one.
    """
    study = Path(study)
    if not study.is_dir():
        raise ConfigError(f"study: there is no folder {study}")
    if _looks_like_run(study):
        raise ConfigError(f"study: {study} is one run; a study is the folder above several (try study={study.parent})")
    runs, left_out = [], []
    for folder in _folders(study, _DEPTH):
        name = folder.relative_to(study).as_posix()
        try:
            runs.append(_read(folder, name))
        except DamagedError as error:
            left_out.append((name, str(error)))
    if not runs:
        found = [f"  {name}: {reason}" for name, reason in left_out[:10]]
        raise ConfigError("\n".join([f"study: no run can be read below {study}", *found]))
    return Collection(runs, left_out)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return every value of nested mappings by its dotted key; a list is one value, and so is an empty mapping."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def finite(value: Any) -> float | None:
    """Return ``value`` as a float if it is a finite number, ``None`` otherwise."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


class DamagedError(Exception):
    """Why a folder is left out."""


def _looks_like_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() or (folder / "record.json").is_file()


def _folders(above: Path, depth: int) -> Iterator[Path]:
    """Yield what may be a run, and what is neither one nor above one."""
    for folder in sorted(above.iterdir()):
        if folder.name.startswith(".") or folder.name == OUTPUT or not folder.is_dir():
            continue
        below = list(_folders(folder, depth - 1)) if depth > 1 and not _looks_like_run(folder) else []
        if any(_looks_like_run(path) for path in below):
            yield from below
        else:
            yield folder


def _read(path: Path, name: str) -> Run:
    folder = RunFolder(path)
    if not _looks_like_run(path):
        raise DamagedError("holds no run")
    try:
        config = yaml.load(folder.config_file.read_bytes(), _LOADER)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise DamagedError("has no config.yaml") from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        raise DamagedError("config.yaml cannot be read") from None
    record = folder.record()
    if not record:
        raise DamagedError("record.json cannot be read" if folder.record_file.exists() else "has no record.json")
    if record.get("status") not in STATUSES:
        raise DamagedError(f"record.json has no known status ({record.get('status')!r})")
    if not isinstance(config, dict) or not isinstance(config.get("seed"), int):
        raise DamagedError("config.yaml is not the config of a run (no seed in it)")
    return Run(name, folder, flatten(config), record, read_curves(folder))


def read_curves(folder: RunFolder) -> dict[str, Curve]:
    """Read every measure that a run has logged along the way, by name.

    Raises:
        DamagedError: The table cannot be read.
    """
    try:
        text = folder.metrics_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise DamagedError("metrics.csv cannot be read") from None
    whole = text[: text.rfind("\n") + 1]  # the last row may have been cut off
    header, *rows = csv.reader(io.StringIO(whole)) if whole else [[]]
    if "images_seen" not in header or len(set(header)) < len(header):
        if not header:
            return {}
        raise DamagedError("metrics.csv is not a table of a run")
    table = np.array([[_number(cell) for cell in row] for row in rows if len(row) == len(header)], dtype=np.float64)
    columns = dict(zip(header, table.reshape(-1, len(header)).T, strict=True))
    images = columns["images_seen"]
    seconds = _interpolated(images, columns.get("speed/seconds", np.full_like(images, np.nan)))
    curves = {}
    for column, values in columns.items():
        there = ~np.isnan(values) & ~np.isnan(images)
        if column.startswith(_ROWS) and there.any():
            curves[column.removeprefix(_ROWS)] = Curve(images[there], values[there], seconds[there])
    return curves


def _interpolated(images: Floats, seconds: Floats) -> Floats:
    """Fill the rows of the clock at which the time was not logged."""
    there = ~np.isnan(seconds)
    if not there.any():
        return seconds
    filled: Floats = np.interp(images, np.append(0.0, images[there]), np.append(0.0, seconds[there]))
    return filled


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
