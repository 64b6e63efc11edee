"""What stands in the way of an honest comparison: other keys, other budgets, other ways to measure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_experiments.compare.collect import Collection, Run, flatten
from gan_experiments.compare.design import Arm, Design, shown
from gan_experiments.core.types import ConfigError

_UNEQUAL = 1.02  # a budget's ratio between arms from which it is said; images round to whole batches
_UNEQUAL_TIME = 1.2
_MOST_NAMES = 6


def check_provenance(runs: Sequence[Run], measure: str, allowed: bool) -> list[str]:
    """Look for figures of one measure that were obtained in different ways.

    Args:
        runs: All that have such a figure.
        measure: Its name.
        allowed: Whether to go on all the same.

    Returns:
        A warning, if there are any and it is allowed.

    Raises:
        ConfigError: There are, and it is not.
    """
    ways: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        for key, value in _measured_with(run, measure).items():
            ways.setdefault(key, {}).setdefault(shown(value), []).append(run.name)
    told = [f"{key}: {_by_value(values)}" for key, values in ways.items() if len(values) > 1]
    if not told:
        return []
    text = f"{measure.upper()} was not measured in the same way in all runs, so the figures do not compare: "
    if not allowed:
        # What gan-evaluate adds to a record is not what is compared.
        advice = "compare fewer runs, train them with the same metrics=, or say allow_incomparable=true"
        raise ConfigError([*(f"{text}{line}" for line in told), advice])
    return [text + "; ".join(told)]


def warnings(design: Design, collection: Collection) -> list[str]:
    """Say what besides the factor may explain a difference between arms, and what is missing, a line each."""
    runs = [run for arm in design.arms for run in arm.runs.values()]
    return [
        *_keys(design),
        *_budgets(design.arms),
        *_surroundings(runs),
        *_missing(design, runs),
        *(f"{name} is left out: it repeats {other}" for name, other in design.repeats),
        *(f"{name} is left out: it {reason}" for name, reason in collection.left_out),
    ]


def _keys(design: Design) -> list[str]:
    factor = ", ".join(design.factors) or "the seed"
    lines = []
    if design.differences:
        keys = _some([difference.key for difference in design.differences])
        lines.append(f"The arms differ in more than {factor}: {keys}. A difference between them may come from that.")
    if design.within:
        keys = _some(design.within)
        lines.append(f"Runs of one arm differ in more than the seed: {keys}. They are paired by these and the seed.")
    return lines


def _budgets(arms: Sequence[Arm]) -> list[str]:
    """Say which of images, steps and time the arms did not get alike."""
    asked = {
        "real images": ("images_seen",),
        "discriminator updates": ("steps", "discriminator"),
        "generator updates": ("steps", "generator"),
        "training seconds": ("seconds",),
    }
    lines = []
    for name, keys in asked.items():
        spent = {}
        for arm in arms:
            ended = [run.noted(*keys) for run in arm.runs.values() if run.status == "finished"]
            known = [value for value in ended if value is not None]
            if known:
                spent[arm.label] = statistics.median(known)
        least, most = (pick(spent, key=spent.__getitem__, default="") for pick in (min, max))
        limit = _UNEQUAL_TIME if keys == ("seconds",) else _UNEQUAL
        if spent and spent[most] > spent[least] * limit:
            values = f"{spent[least]:,.0f} in {least}, {spent[most]:,.0f} in {most}"
            lines.append(f"Unequal {name}: {values} (median of finished runs).")
    return lines


def _surroundings(runs: Sequence[Run]) -> list[str]:
    """Say where software, machine or uncommitted changes may explain a difference."""
    lines = []
    asked = {
        "versions": "with different software",
        "git.commit": "by different commits of the code",
        "device": "on different devices",
        "host": "on different machines",
        "threads": "with different numbers of threads",
        "processes": "with different numbers of processes",
        "dataset.fingerprint": "on different data",
    }
    for key, meaning in asked.items():
        values = {shown(value) for run in runs if (value := _noted(run.record, key)) is not None}
        if len(values) > 1:
            lines.append(f"Runs were made {meaning} ({key}: {_some(sorted(values), 3)}).")
    if any(_noted(run.record, "git.changed") for run in runs):
        lines.append("Some runs were made by code with uncommitted changes: their commit does not say what ran.")
    return lines


def _missing(design: Design, runs: Sequence[Run]) -> list[str]:
    lines = []
    meant = {"failed": "failed", "interrupted": "was interrupted", "pruned": "was pruned", "running": "has not ended"}
    for status, is_ in meant.items():
        names = [run.name for run in runs if run.status == status]
        if names:
            is_ = is_ if len(names) == 1 else is_.replace("was ", "were ").replace("has ", "have ")
            count = f"{len(names)} run{'s' if len(names) > 1 else ''}"
            lines.append(f"{count} that {is_} {'are' if len(names) > 1 else 'is'} not counted: {_some(names)}")
    for arm in design.arms:
        if not any(run.status in ("finished", "diverged") for run in arm.runs.values()):
            lines.append(f"{arm.label} has no run that has ended: nothing can be said about it.")
    return lines


def _measured_with(run: Run, measure: str) -> dict[str, Any]:
    """Return what must be the same for two figures of a measure to be comparable."""
    how = run.record.get("evaluation")
    if not isinstance(how, Mapping):
        return {}
    plain = flatten(how)
    keys = ["samples", "row_samples", "generator", "truncation", "real_images", "real_split", "data"]
    value, _, told = measure.partition("/")
    own = [f"measures.{name}" for name in _with_value(how, "measures", measure)]
    options = own or [f"features.{name}" for name in _with_value(how, "features", value)]
    keys += [key for key in plain if key.startswith(tuple(f"{name}." for name in options))]
    if not own:  # what sees the images themselves has nothing to do with the extractors
        extractors = how.get("extractors")
        names = list(extractors) if isinstance(extractors, Mapping) else []
        extractor = told if told in names else next(iter(names), "")
        parts = ("name", "num_features", "weights", "resize", "precision", "layers")
        keys += [f"extractors.{extractor}.{part}" for part in parts]
        keys += ["is_splits"] if value == "is" else []  # of records before options were kept by measure
    return {key: plain[key] for key in keys if key in plain}  # older records say less


def _with_value(how: Mapping[str, Any], group: str, value: str) -> list[str]:
    """Return the measures of a group that compute a value."""
    told = how.get(group)
    measures = told.items() if isinstance(told, Mapping) else ()
    return [name for name, each in measures if isinstance(each, Mapping) and value in each.get("values", ())]


def _noted(record: Mapping[str, Any], key: str) -> Any:
    value: Any = record
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _by_value(values: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{value} in {len(names)} runs ({names[0]} ...)" for value, names in values.items())


def _some(names: Iterable[str], most: int = _MOST_NAMES) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
