"""The last words of a run, from its record alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gan_experiments.runs.folder import RunFolder


def summary(run: RunFolder) -> str:
    """Say what a finished run has reached, where it lies and how to look at it."""
    record = run.record()
    seconds = record["seconds"]
    lines = [f"{run.path.name}: {record['images_seen']:,} images in {_minutes(seconds)}"]
    lines += measures(record)
    share = record.get("evaluation_share")
    if share:
        lines.append(f"  evaluation   {share:.0%} of the time")
    lines.append(f"  folder       {shown(run.path)}")
    grids = sorted(run.samples.glob("[0-9]*.png"))
    if grids:
        lines.append(f"  samples      {shown(grids[-1])}")
    lines.append(f"  TensorBoard  tensorboard --logdir {shown(run.path.parent)}")
    return "\n".join(lines)


def measures(record: dict[str, Any]) -> list[str]:
    """Say each measure of a record with its margin of error, what real images get, and how it was obtained."""
    final, provenance = record.get("final") or {}, record.get("evaluation") or {}
    known = [record.get(name) or {} for name in ("margins", "yardstick", "real_baseline_spread")]
    lines = []
    for name, value in final.items():
        margin, real, spread = (values.get(name) for values in known)
        worth = f" ± {_figure(margin)}" if margin is not None else ""
        told = _figure(real) + (f" ± {_figure(spread)}" if spread is not None else "") if real is not None else ""
        reference = f"   (real images against real images: {told})" if told else ""
        lines.append(f"  {name.upper():<12} {_figure(value)}{worth}{reference}")
    if lines:
        lines += [f"  measured in  {line}" for line in describe_provenance(provenance)]
        lines += [f"  left out     {name}: {reason}" for name, reason in (provenance.get("left_out") or {}).items()]
    return lines


def describe_provenance(provenance: dict[str, Any]) -> list[str]:
    """Say in a line for each extractor how values were obtained; lines that differ are of figures that do not compare.

    The same line is not enough: options of measures and the data's fingerprint are in the provenance itself.
    """
    generator = {"ema": "EMA generator", "raw": "raw generator"}.get(provenance.get("generator", "ema"), "images")
    how = f"{provenance.get('samples', 0):,} samples of the {generator}" if generator != "images" else ""
    how = how or f"{provenance.get('samples', 0):,} images"
    how += f", truncation {provenance['truncation']}" if provenance.get("truncation") else ""
    if "real_images" in provenance:
        split = provenance.get("real_split", "all")
        how += f", {provenance['real_images']:,} real ones" + (f" ({split})" if split != "all" else "")
    how += f", seed {provenance['seed']}" if "seed" in provenance else ""
    extractors = provenance.get("extractors") or {}
    lines = []
    for name, told in extractors.items():
        usual = ("none", "float32")
        options = [f"{told[key]}" for key in ("resize", "precision") if told.get(key, "none") not in usual]
        options.append(f"weights {str(told.get('weights'))[:8]}")
        own = told.get("name", name)
        lines.append(f"{name if own == name else f'{name} ({own})'} features ({', '.join(options)}), {how}")
    return lines or [how]


def _figure(value: float) -> str:
    """Show three decimals, or three digits of what would be lost by that."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.1 else f"{value:.3g}"


def shown(path: Path) -> Path:
    """Shorten a path to one relative to here where it lies below."""
    absolute = path.resolve()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
