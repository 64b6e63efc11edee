"""The last words of a run, from its record alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gan_experiments.run import RunFolder


def summary(run: RunFolder) -> str:
    """Say what a finished run has reached, where it lies and how to look at it."""
    record = run.record()
    seconds = record["seconds"]
    lines = [f"{run.path.name}: {record['images_seen']:,} images in {_minutes(seconds)}"]
    lines += measures(record)
    lines.append(f"  folder       {shown(run.path)}")
    grids = sorted(run.samples.glob("[0-9]*.png"))
    if grids:
        lines.append(f"  samples      {shown(grids[-1])}")
    lines.append(f"  TensorBoard  tensorboard --logdir {shown(run.path.parent)}")
    return "\n".join(lines)


def measures(record: dict[str, Any]) -> list[str]:
    """Say each measure of a record with how it was obtained."""
    final, passport = record.get("final") or {}, record.get("evaluation") or {}
    yardstick = record.get("yardstick") or {}
    how = f"{passport.get('samples', 0):,} samples, EMA generator"
    lines = []
    for name, value in final.items():
        reference = f"   (real half against real half: {yardstick[name]:.3f})" if name in yardstick else ""
        lines.append(f"  {name.upper():<12} {value:.3f}{reference}")
    if lines:
        features = "".join(f"{name} features, " for name in passport.get("extractors", {}))
        lines.append(f"  measured in  {features}{how}")
    return lines


def shown(path: Path) -> Path:
    """Shorten a path to one relative to here where it lies below."""
    absolute = path.resolve()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
