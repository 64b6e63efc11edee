"""Published values beside measured ones: is what came out what the paper says, within what would matter?

A published mean of k trials and ours of n are compared as two arms are, by Welch's interval of their difference,
widened for skewed values (``difference``). The verdict is that of an equivalence test with 95 % intervals: *inside*
if the interval lies within the tolerance, which is laid down with the table; *outside* if it lies beyond; otherwise it
*cannot be told*, for lack of trials. Each value is judged by itself, without correction for their number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import yaml
from annotated_types import Interval
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from gan_experiments.comparison.arms import ArmResult
from gan_experiments.comparison.collect import CollectedRun
from gan_experiments.comparison.difference import compare_with_mean
from gan_experiments.core.text import suggest
from gan_experiments.core.types import ConfigError, NonNegativeFloat, PositiveInt
from gan_experiments.core.yaml_size import load_yaml
from gan_experiments.runs.metrics_table import Floats
from gan_experiments.runs.results import scores

FILE = "published.yaml"
INSIDE, OUTSIDE, UNTOLD = "inside", "outside", "cannot be told"
_LEAST_TRIALS = 3
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=_STRICT)
class PublishedValue:
    """One published value.

    Attributes:
        mean: The mean over trials, or the exact value.
        tolerance: Differences up to this do not matter.
        spread: What stands after the +-; ``None``: nothing does, and the trials are taken to be as spread as ours.
        of: The ``final`` value of a measure, or the ``radius``: the factor per step by which its periodic values, those
            of a linear map in the plane, fall.
    """

    mean: float
    tolerance: NonNegativeFloat
    spread: NonNegativeFloat | None = None
    of: Literal["final", "radius"] = "final"


@dataclass(frozen=True, config=_STRICT)
class PublishedArm:
    """The published values of one arm of the study that repeats them.

    Attributes:
        values: By the name of the measure.
        images: Real images of the published training; runs of fewer are shortened, and tell nothing.
    """

    values: dict[str, PublishedValue]
    images: Annotated[int, Interval(ge=0)] = 0


@dataclass(frozen=True, config=_STRICT)
class Published:
    """A published table.

    Attributes:
        title: What it shows.
        paper: Where it stands.
        arms: By the label of the arm of the study.
        protocol: Settings, each with what the paper or its code says and what the study does.
        trials: Over which means are taken; ``None``: values are exact, such as closed forms.
        spread_of: Whether a spread is the standard deviation of ``trials`` or the standard error of the ``mean``.
        unknown: What is not known, or contradicts itself.
        notes: What came of looking for the cause where a value is outside.
        command: What repeats it.
    """

    title: str
    paper: str
    arms: dict[str, PublishedArm]
    protocol: dict[str, tuple[str, str]]
    command: str
    trials: PositiveInt | None = None
    spread_of: Literal["trials", "mean"] = "trials"
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class PublishedResult(NamedTuple):
    """A published value against the measured ones.

    Attributes:
        arm: Label of the arm.
        measure: Name of the measure; ``radius of`` it if it is that.
        published: The published value.
        trials: Of the published value; ``None`` if it is exact.
        values: The measured ones, of each trial.
        difference: Mean of those minus the published mean, and its 95 % interval; NaN where unknown.
        verdict: ``inside``, ``outside`` or ``cannot be told``.
        reason: Why it cannot be told; empty if it can.
    """

    arm: str
    measure: str
    published: PublishedValue
    trials: int | None
    values: list[float]
    difference: tuple[float, float, float]
    verdict: str
    reason: str


def folder() -> Path:
    """Return the folder of the published tables: inside the installed package, or beside it in a working copy."""
    package = Path(__file__).parents[1]
    inside = package / "reproductions"
    return inside if inside.is_dir() else package.parent / "reproductions"


def read_published(name: str) -> Published:
    """Read a published table, by the name of a folder of ours or of a YAML file.

    Raises:
        ConfigError: There is none, or it does not say what it has to.
    """
    file = Path(name) if name.endswith((".yaml", ".yml")) else folder() / name / FILE
    if not file.is_file():
        known = [path.parent.name for path in folder().glob(f"*/{FILE}")]
        raise ConfigError(f"published: there is no table {name!r}{suggest(name, known, listed=True)}")
    try:
        return TypeAdapter(Published).validate_python(load_yaml(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        problems = error.errors() if isinstance(error, ValidationError) else []
        lines = [f"{file}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems]
        raise ConfigError(lines or f"{file}: not a published table ({type(error).__name__})") from error


def against_published(published: Published, arms: Sequence[ArmResult]) -> list[PublishedResult]:
    """Compare the arms of a study with the published values of those of the same label.

    Raises:
        ConfigError: No arm has such a label.
    """
    labels = [arm.label for arm in arms]
    if not set(labels) & set(published.arms):
        raise ConfigError(f"published: has {', '.join(published.arms)}, the study {', '.join(labels)}")
    return [
        result
        for arm in sorted(arms, key=lambda arm: [*published.arms, arm.label].index(arm.label))
        if arm.label in published.arms
        for result in verdicts_on(
            published, arm.label, measured(published.arms[arm.label], list(arm.arm.runs.values()))
        )
    ]


def measured(arm: PublishedArm, runs: Sequence[CollectedRun]) -> dict[str, Any]:
    """Return what the verdicts are made of, as plain data: images of the shortest run, and values by measure."""
    ended = [run for run in runs if run.ended]
    values = {name: [_value(run, name, value.of) for run in ended] for name, value in arm.values.items()}
    images = [int(run.recorded("images_seen") or 0) for run in ended if run.status == "finished"]
    return {"images": min(images, default=0), "values": values}


def verdicts_on(published: Published, label: str, outcome: Mapping[str, Any]) -> list[PublishedResult]:
    """Return the verdict on each value of an arm, from what ``measured`` returns."""
    arm = published.arms[label]
    results = []
    for name, value in arm.values.items():
        numbers = [float(each) for each in outcome["values"].get(name, ())]
        difference, verdict, reason = (math.nan,) * 3, UNTOLD, _too_little(published, value, arm, outcome, numbers)
        if not reason:
            difference = _difference(published, value, np.array(numbers))
            _, low, high = difference
            if -value.tolerance <= low and high <= value.tolerance:
                verdict = INSIDE
            elif low > value.tolerance or high < -value.tolerance:
                verdict = OUTSIDE
            else:
                reason = "the interval reaches across the tolerance"
        shown = name if value.of == "final" else f"{value.of} of {name}"
        results.append(PublishedResult(label, shown, value, published.trials, numbers, difference, verdict, reason))
    return results


def _too_little(
    published: Published, value: PublishedValue, arm: PublishedArm, outcome: Mapping[str, Any], numbers: Sequence[float]
) -> str:
    """Return why nothing can be told from these values; empty if something can."""
    if not numbers:
        return "no run has ended"
    if not np.isfinite(numbers).all():
        return f"{sum(not math.isfinite(each) for each in numbers)} of {len(numbers)} runs diverged or lack it"
    if outcome["images"] < arm.images:
        return f"shortened: {outcome['images']:,} of {arm.images:,} images"
    if len(numbers) < _LEAST_TRIALS:
        return f"fewer than {_LEAST_TRIALS} trials"
    if published.trials == 1:
        return "one published trial"
    return ""


def _difference(published: Published, value: PublishedValue, numbers: Floats) -> tuple[float, float, float]:
    trials = published.trials
    if trials is None or value.spread is None:
        return compare_with_mean(numbers, value.mean, None, trials)
    error = value.spread if published.spread_of == "mean" else value.spread / math.sqrt(trials)
    return compare_with_mean(numbers, value.mean, error, trials)


def _value(run: CollectedRun, measure: str, of: str) -> float:
    """Return the value of a run; NaN if it has none, infinite if it diverged."""
    if run.status == "diverged":
        return math.inf
    if of == "final":
        return scores(run.record).get(measure, math.nan)
    curve = run.curves.get(measure)
    return radius(curve.values) if curve is not None else math.nan


def radius(distances: Floats) -> float:
    """Return the spectral radius of a linear map of the plane, from distances along a line at successive steps.

    They are those of a damped oscillation, whose squares obey a linear recurrence of order three with roots of the
    squared radius (Prony 1795); it is fitted to the second half.

    Args:
        distances: ``(N,)``, N at least 12; otherwise the value is NaN, as it is if they vanish or are not finite.
    """
    if len(distances) < 12:
        return math.nan
    rows = np.lib.stride_tricks.sliding_window_view(np.square(distances[len(distances) // 2 :]), 4)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        return math.nan
    *_, recurrence = np.linalg.svd(rows / norms)[2]
    return float(abs(recurrence[0] / recurrence[3]) ** (1 / 6))
