"""Checks whether runs are comparable: how they were evaluated, their budgets, other keys, hardware and software."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from gan_experiments.comparison.arms import ArmResult
from gan_experiments.comparison.collect import CollectedRun, Study
from gan_experiments.comparison.common_budget import moved_schedules
from gan_experiments.comparison.design import Arm, Design, as_text
from gan_experiments.config.targets import TARGET
from gan_experiments.core.dotted import flatten, value_of
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError

# Ratio between arms from which a difference is reported; images are rounded to whole batches.
_UNEQUAL = 1.02
_UNEQUAL_TIME = 1.2
_SECONDS = 5.0  # which a start may take more or less
_OF_DATASET = ("data", "real_images", "real_split", ".weights")  # ends of keys that differ where datasets do
# What features depend on, in the provenance of their extractor, which also says how accurate it is and the like.
_OF_EXTRACTOR = (
    "name", "num_features", "weights", "resize", "precision", "rounded_to_bits",
    "layers", "features", "preparation", "positions",
)  # fmt: skip
_MOST_NAMES = 6
_MOST_VALUES = 3


def check_provenance(runs: Sequence[CollectedRun], measure: str, allowed: bool) -> list[str]:
    """Check that a measure was evaluated in the same way in all runs that have a value of it.

    Returns:
        A warning, if there are differences and they are allowed.

    Raises:
        ConfigError: There are differences and they are not allowed.
    """
    ways: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        for key, value in _measured_with(run, measure).items():
            ways.setdefault(key, {}).setdefault(as_text(value), []).append(run.name)
    datasets: dict[str, list[str]] = {}
    for run in runs:
        datasets.setdefault(str(value_of(run.record, "dataset.name")), []).append(run.name)
    if len(ways.get("data", ())) > 1 and len(datasets) > 1:  # names instead of hashes, and of what follows from them
        ways = {"dataset": datasets} | {key: each for key, each in ways.items() if not key.endswith(_OF_DATASET)}
    differing = [f"{key}: {_by_value(values)}" for key, values in ways.items() if len(values) > 1]
    if not differing:
        return []
    text = f"{measure.upper()} was not measured in the same way in all runs, so its values are not comparable: "
    if not allowed:
        advice = "compare fewer runs, train them with the same metrics=, or set allow_incomparable=true"
        raise ConfigError([*(f"{text}{line}" for line in differing), *_skipped(runs), advice])
    return [text + "; ".join(differing)]


def warnings(design: Design, arms: Sequence[ArmResult], study: Study) -> list[str]:
    """Report what else may explain a difference between arms, and what is missing, one line each."""
    runs = [run for arm in design.arms for run in arm.runs.values()]
    return [
        *_keys(design),
        *_budgets(design.arms),
        *moved_schedules(runs),
        *_costs(arms),
        *_surroundings(runs),
        *_skipped(runs),
        *_missing(design, runs),
        *_beside(design.repeats, "it repeats {}", "they repeat others"),
        *_beside(design.shorter, "{} has a larger budget", "others of their seeds have a larger budget"),
        *_beside(design.unended, "it has no result, as {} has", "they have no result, as others of their seeds have"),
        *(f"{name} is left out ({reason})" for name, reason in study.left_out),
    ]


def _keys(design: Design) -> list[str]:
    factor = ", ".join(design.factors) or "the seed"
    lines = []
    if design.differences:
        keys = first_few(_parts(design.differences), _MOST_NAMES)
        lines.append(f"The arms differ in more than {factor}: {keys}. This may explain a difference between them.")
    if design.within:
        keys = first_few(_parts(design.within), _MOST_NAMES)
        paired = "Runs are paired by these and the seed, and each run counts as a seed"
        lines.append(f"Runs of one arm differ in more than the seed: {keys}. {paired}.")
    return lines


def _parts(keys: Collection[str]) -> list[str]:
    """Return keys without those below another one, or below a component whose class is among them."""
    above = {key.removesuffix(f".{TARGET}") for key in keys}
    return sorted(key for key in above if not any(key.startswith(f"{other}.") for other in above))


def _beside(left_out: Sequence[tuple[str, str]], one: str, several: str) -> list[str]:
    """Report which runs are left out for the sake of others, in one line if they are many."""
    if len(left_out) > _MOST_NAMES:
        names = first_few((name for name, _ in left_out), _MOST_NAMES)
        return [f"{len(left_out)} runs are left out because {several}: {names}"]
    return [f"{name} is left out because {one.format(other)}" for name, other in left_out]


def _budgets(arms: Sequence[Arm]) -> list[str]:
    """Report which arms have runs of several lengths."""
    lines = []
    for arm in arms:
        budgets = sorted({run.budget for run in arm.runs.values() if run.budget})
        if len(budgets) > 1:
            counts = " and ".join(f"{value:,.0f}" for value in (budgets[0], budgets[-1]))
            lines.append(f"Runs of {arm.label} have different budgets, between {counts} images.")
    return lines


def _costs(arms: Sequence[ArmResult]) -> list[str]:
    """Report which of images, updates and time differ between arms."""
    names = {
        "images": "real images",
        "d_updates": "discriminator updates",
        "g_updates": "generator updates",
        "seconds": "training seconds",
    }
    lines = []
    for cost, name in names.items():
        spent = {arm.label: value for arm in arms if (value := arm.cost[cost]) is not None}
        least, most = (pick(spent, key=spent.__getitem__, default="") for pick in (min, max))
        limit, apart = (_UNEQUAL_TIME, _SECONDS) if cost == "seconds" else (_UNEQUAL, 0.0)
        if spent and spent[most] > spent[least] * limit + apart:
            values = f"{spent[least]:,.0f} in {least}, {spent[most]:,.0f} in {most}"
            lines.append(f"Unequal {name}: {values} (median of finished runs).")
    return lines


def _surroundings(runs: Sequence[CollectedRun]) -> list[str]:
    """Report differences in software, hardware, data and uncommitted changes."""
    lines = []
    meanings = {
        "versions": "with different software versions",
        "git.commit": "from different commits of the code",
        "device": "on different devices",
        "host": "on different machines",
        "threads": "with different numbers of threads",
        "processes": "with different numbers of processes",
        "dataset.fingerprint": "on different data",
    }
    for key, meaning in meanings.items():
        values = {as_text(value) for run in runs if (value := value_of(run.record, key)) is not None}
        if len(values) > 1:
            lines.append(f"Runs were made {meaning} ({key}: {first_few(sorted(values), _MOST_VALUES)}).")
    begun = [(run.config.get("init_from"), value_of(run.record, "init_from.hashes")) for run in runs]
    weights = dict.fromkeys((source, as_text(hashes)) for source, hashes in begun if hashes is not None)
    for source in [source for source, count in Counter(source for source, _ in weights).items() if count > 1]:
        lines.append(f"Runs with init_from={source} began with different weights: it has changed between them.")
    if any(value_of(run.record, "git.changed") for run in runs):
        lines.append("Some runs were made from code with uncommitted changes: their commit does not identify the code.")
    return lines


def skipped_images(runs: Iterable[CollectedRun]) -> dict[int, list[str]]:
    """Return the names of runs by how many unreadable images their dataset has left out, as far as it counts them."""
    counts: dict[int, list[str]] = {}
    for run in runs:
        count = run.recorded("dataset.skipped")
        if count is not None:
            counts.setdefault(int(count), []).append(run.name)
    return counts


def _skipped(runs: Iterable[CollectedRun]) -> list[str]:
    """Report different numbers of unreadable images."""
    counts = skipped_images(runs)
    if len(counts) < 2:
        return []
    text = "Unreadable images were left out of the data, and not equally many in all runs (dataset.skipped"
    by_count = _by_value({f"{count:,}": names for count, names in sorted(counts.items())})
    return [f"{text}: {by_count}), so they were trained on different data."]


def _missing(design: Design, runs: Sequence[CollectedRun]) -> list[str]:
    lines = []
    phrases = {
        "failed": ("that failed", "that failed"),
        "interrupted": ("that was interrupted", "that were interrupted"),
        "pruned": ("that was pruned", "that were pruned"),
        "running": ("that has not ended", "that have not ended"),
    }
    for status, (singular, plural) in phrases.items():
        names = [run.name for run in runs if run.status == status]
        if names:
            subject = f"1 run {singular} is" if len(names) == 1 else f"{len(names)} runs {plural} are"
            lines.append(f"{subject} not counted: {first_few(names, _MOST_NAMES)}")
    stopped = [run for run in runs if run.status == "stopped"]
    if stopped:
        seen = sum(run.recorded("images_seen") or 0 for run in stopped)
        budgets = sum(run.budget for run in stopped)
        text = f"{len(stopped)} of {len(runs)} runs were stopped by their curves, after {seen:,.0f} of {budgets:,.0f}"
        text += " images. They count as the best that they could have reached"
        lines.append(f"{text}: {first_few([run.name for run in stopped], _MOST_NAMES)}")
    early = [run.name for run in runs if run.finished_early]
    if early:
        text = f"{len(early)} of {len(runs)} runs finished before their budget was spent (stop.patience)"
        lines.append(f"{text}: {first_few(early, _MOST_NAMES)}")
    for arm in design.arms:
        if not any(run.ended for run in arm.runs.values()):
            lines.append(f"{arm.label} has no run that has ended, so it has no result.")
    return lines


def extractor_of(evaluation: Mapping[str, Any], measure: str) -> str:
    """Return the name of the extractor in whose features a value was measured; empty for a measure of images."""
    extractors = evaluation.get("extractors")
    if _with_value(evaluation, "measures", measure) or not isinstance(extractors, Mapping):
        return ""
    named = measure.partition("/")[2]
    return named if named in extractors else next(iter(extractors), "")


def _measured_with(run: CollectedRun, measure: str) -> dict[str, Any]:
    """Return what must be equal for two values of a measure to be comparable."""
    evaluation = run.record.get("evaluation")
    if not isinstance(evaluation, Mapping):
        return {}
    plain = flatten(evaluation)
    keys = ["samples", "periodic_samples", "generator", "truncation", "checkpoint", "real_images", "real_split", "data"]
    of_images = [f"measures.{name}" for name in _with_value(evaluation, "measures", measure)]
    value = measure.partition("/")[0]
    options = of_images or [f"features.{name}" for name in _with_value(evaluation, "features", value)]
    keys += [key for key in plain if key.startswith(tuple(f"{name}." for name in options))]
    extractor = extractor_of(evaluation, measure)
    if extractor:
        parts = [f"extractors.{extractor}.{part}" for part in _OF_EXTRACTOR]
        keys += [key for part in parts for key in plain if key == part or key.startswith(f"{part}.")]
    same = {key: plain[key] for key in keys if key in plain}
    return {**same, "standing_batches": plain.get("standing_batches", 0)}


def _with_value(evaluation: Mapping[str, Any], group: str, value: str) -> list[str]:
    """Return the measures of a group that compute a value."""
    options = evaluation.get(group)
    measures = options.items() if isinstance(options, Mapping) else ()
    return [name for name, each in measures if isinstance(each, Mapping) and value in each.get("values", ())]


def _by_value(values: Mapping[str, Sequence[str]]) -> str:
    counts = {value: "1 run" if len(names) == 1 else f"{len(names)} runs" for value, names in values.items()}
    return ", ".join(f"{value} in {counts[value]} ({names[0]} ...)" for value, names in values.items())
