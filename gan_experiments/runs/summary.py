"""Text summary of a run, from its record."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_experiments.core.escape import for_markdown, printable
from gan_experiments.runs import findings
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.results import estimates

MARGIN_LIMITS = (
    "Margins hold over the choice of generated images, not over seeds; with heavy-tailed features they are too small."
)
BASELINE_LIMITS = (
    "With heavy-tailed features the real baseline of FID may be off by half, and its standard deviation is too small."
)
_DEFAULTS = (None, "none", "float32")  # options of an extractor that are not shown


def summary(run: RunFolder, trusted: Sequence[str] = ()) -> str:
    """Describe a finished run: its results, its folder and how to view it.

    Args:
        run: Its folder.
        trusted: The packages that commands with it have to trust, as the command that has trained it did.

    Raises:
        ConfigError: The record holds other things than that of a run.
    """
    with run.reading_record():
        return _summary(run, trusted)


def _summary(run: RunFolder, trusted: Sequence[str]) -> str:
    record = run.record()
    seconds = record["seconds"]
    time = f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
    lines = [f"{run.path.name}: {record['images_seen']:,} images in {time}"]
    if early := record.get("finished_early"):
        lines.append(f"  ended early  no better evaluation for {early['patience']:,} images (stop.patience)")
    if record.get("status") == "stopped":
        lines.append(f"  stopped      {record['reason']}")
        lines.append(f"  to go on     delete {shown(run.rule_file)} and resume the run")
    lines += measures(record)
    share = record.get("evaluation_share")
    if share:
        lines.append(f"  evaluation   {share:.0%} of the time")
    lines += after_training(run, trusted)
    lines += [f"  not logged   {name}: {reason}" for name, reason in (record.get("not_logged") or {}).items()]
    lines.append(f"  folder       {shown(run.path)}")
    if grids := list(run.grids().values()):
        lines.append(f"  samples      {shown(grids[-1])}")
    lines.append(f"  TensorBoard  tensorboard --logdir {shlex.quote(shown(run.path.parent))}")
    return "\n".join(map(printable, lines))


def as_argument(run: RunFolder, trusted: Sequence[str] = ()) -> str:
    """Return a run folder as a value on a command line, with the packages to trust: a run cannot ask for that itself.

    What a folder says of it does not count: it may come from a stranger.
    """
    return shlex.join([shown(run.path), *([f"trusted=[{','.join(trusted)}]"] if trusted else [])])


def after_divergence(run: RunFolder, trusted: Sequence[str] = ()) -> str:
    """Say where a run that has diverged is, and how to find what would have helped."""
    start = "" if run.checkpoint("last").is_file() else " checkpoint=start"
    return f"the run is in {shown(run.path)}; to try what helps: gan-diagnose run={as_argument(run, trusted)}{start}"


def after_training(run: RunFolder, trusted: Sequence[str] = ()) -> list[str]:
    """Return a line for each finding of a run, and one with what to try, if there is anything."""
    record = run.record()
    lines = [f"  found        {line}" for line in findings.lines(record)]
    remedy = findings.advice(record, run.read_config() if run.config_file.exists() else {})
    if remedy:
        lines.append(f"  try          {remedy.replace('<folder>', as_argument(run, trusted))}")
    return [printable(line) for line in lines]


def measures(record: dict[str, Any]) -> list[str]:
    """Describe each measure of a record: value, margin of error, real baseline, and how it was measured."""
    provenance = record.get("evaluation") or {}
    lines, width = [], max([12, *map(len, estimates(record))])
    for name, each in estimates(record).items():
        real = each.real_baseline
        real_text = "" if real is None else _with_margin(real, each.real_baseline_spread)
        baseline = f"   (a perfect generator: {real_text})" if real_text else ""
        features = ", in random features" if _is_random(name, provenance) else ""
        lines.append(f"  {name.upper():<{width}} {_with_margin(each.value, each.margin)}{features}{baseline}")
    if lines:
        lines += [f"  measured in  {line}" for line in describe_provenance(provenance)]
        lines += [f"  left out     {name}: {reason}" for name, reason in (provenance.get("left_out") or {}).items()]
    return [printable(line) for line in lines]


def _is_random(name: str, provenance: Mapping[str, Any]) -> bool:
    """Return whether a value was measured in the features of a network with random weights."""
    measure, _, extractor = name.partition("/")
    extractors = provenance.get("extractors") or {}
    in_features = [value for each in (provenance.get("features") or {}).values() for value in each.get("values", ())]
    used = extractors.get(extractor or next(iter(extractors), ""))
    return measure in in_features and isinstance(used, Mapping) and used.get("name") == "random"


def as_markdown(record: Mapping[str, Any]) -> str:
    """Return the final evaluation of a record as a Markdown table, with how it was measured below it."""
    rows = [
        (
            name.upper(),
            _with_margin(each.value, each.margin),
            "" if each.real_baseline is None else _with_margin(each.real_baseline, each.real_baseline_spread),
            {True: "higher", False: "lower", None: ""}[each.higher_is_better],
        )
        for name, each in estimates(record).items()
    ]
    head = ("", "value ± margin at 95 %", "a perfect generator ± standard deviation", "better")
    lines = [head, ("---", "---:", "---:", "---"), *(tuple(map(for_markdown, row)) for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    provenance = map(for_markdown, describe_provenance(record.get("evaluation") or {}))
    return "\n\n".join([table, "Measured in " + "; ".join(provenance) + f". {MARGIN_LIMITS} {BASELINE_LIMITS}"])


def describe_provenance(provenance: dict[str, Any]) -> list[str]:
    """Describe in a line for each extractor how values were measured; values with different lines are not comparable.

    Equal lines do not imply comparable values: they leave out the options of measures and the data's fingerprint.
    """
    generator = {"ema": "EMA generator", "raw": "raw generator"}.get(provenance.get("generator", "ema"), "images")
    how = f"{provenance.get('samples', 0):,} samples of the {generator}" if generator != "images" else ""
    how = how or f"{provenance.get('samples', 0):,} images"
    how += f", truncation {provenance['truncation']}" if provenance.get("truncation") else ""
    how += f", batch norm of {provenance['standing_batches']} batches" if "standing_batches" in provenance else ""
    if "real_images" in provenance:
        split = provenance.get("real_split", "all")
        how += f", {provenance['real_images']:,} real ones" + (f" ({split})" if split != "all" else "")
    how += f", seed {provenance['seed']}" if "seed" in provenance else ""
    extractors = provenance.get("extractors") or {}
    lines = []
    for key, extractor in extractors.items():
        options = [
            f"{extractor[option]}" for option in ("resize", "precision") if extractor.get(option) not in _DEFAULTS
        ]
        options.append(f"weights {str(extractor.get('weights'))[:8]}")
        name = extractor.get("name", key)
        lines.append(f"{key if name == key else f'{key} ({name})'} features ({', '.join(options)}), {how}")
    return lines or [how]


def _with_margin(value: float, margin: float | None) -> str:
    return number(value) + (f" ± {number(margin)}" if margin is not None else "")


def number(value: float) -> str:
    """Return a number with three decimals, a small one with three significant digits."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.1 else f"{value:.3g}"


def shown(path: Path) -> str:
    """Return a path as it can be printed, relative to the working directory if it is below it."""
    absolute = path.resolve()
    return printable(str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute))
