"""From the runs of a study to what can be said about its arms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gan_experiments.compare.arms import ArmResult, Measure, arm_result, outcomes, spread
from gan_experiments.compare.collect import HIGHER, Collection, Run
from gan_experiments.compare.comparability import check_provenance, warnings
from gan_experiments.compare.design import Design, lay_out
from gan_experiments.compare.pairs import PairResult, compare_arms, pairs_to_test
from gan_experiments.core.text import nearest, suggest
from gan_experiments.core.types import ConfigError


@dataclass(frozen=True)
class Comparison:
    """All there is to report.

    Attributes:
        design: The study's layout.
        collection: What was found.
        measure: What is compared.
        threshold: The figure whose first reaching is timed, as logged; NaN if there is none.
        baseline: The arm that the others are compared with, if one was named.
        arms: Best first.
        pairs: Of the baseline, or of all arms, or of the best.
        family: How many comparisons the correction counts.
        warnings: A line each.
    """

    design: Design
    collection: Collection
    measure: Measure
    threshold: float
    baseline: str | None
    arms: list[ArmResult]
    pairs: list[PairResult]
    family: int
    warnings: list[str]


def compare(collection: Collection, options: Mapping[str, Any]) -> Comparison:
    """Compare the arms of a study.

    Args:
        collection: The runs.
        options: The config of ``gan-compare``.

    Raises:
        ConfigError: The factor does not vary, the baseline is no arm, nobody has logged the measure, or it was
            not measured in the same way.
    """
    design = lay_out(collection.runs, options["factor"])
    runs = [run for arm in design.arms for run in arm.runs.values()]
    measure = _measure(runs, options)
    measured = [run for run in runs if run.status == "finished" and measure.outcome(run) is not None]
    if not measured:
        statuses = sorted({run.status for run in runs})
        told = f"measure: no run has a {measure.figure} {measure.name} ({len(runs)} runs, {', '.join(statuses)})"
        raise ConfigError(told)
    notes = check_provenance(measured, measure.name, options["allow_incomparable"])
    baseline = _baseline(design, options["baseline"])
    threshold = _threshold(design, measure, baseline, options["threshold"])
    arms = sorted((arm_result(arm, measure, threshold) for arm in design.arms), key=lambda arm: arm.rank)
    sign = -1.0 if measure.higher else 1.0
    chosen, family = pairs_to_test(arms, baseline)
    pairs = compare_arms(chosen, family, sign)
    notes += warnings(design, collection)
    return Comparison(design, collection, measure, sign * threshold, baseline, arms, pairs, family, notes)


def _measure(runs: Sequence[Run], options: Mapping[str, Any]) -> Measure:
    name, better = options["measure"], options["better"]
    finals = [final for run in runs if isinstance(final := run.record.get("final"), dict)]
    known = {key for run in runs for key in run.curves} | {str(key) for final in finals for key in final}
    if name not in known:
        raise ConfigError(f"measure: no run has logged {name!r}{suggest(name, known, listed=True)}")
    higher = name.partition("/")[0] in HIGHER if better == "known" else better == "higher"
    return Measure(name, options["figure"], higher)


def _baseline(design: Design, name: str | None) -> str | None:
    labels = [arm.label for arm in design.arms]
    if name is not None and name not in labels:
        near = nearest(name, labels)
        hint = f"; did you mean {near!r}?" if near else ""
        raise ConfigError(f"baseline: there is no arm {name!r}{hint} ({', '.join(labels)})")
    return name


def _threshold(design: Design, measure: Measure, baseline: str | None, asked: float | None) -> float:
    """Return the figure to be reached: the median best of the baseline, or of the arm whose median best is worst."""
    if asked is not None:
        return -asked if measure.higher else asked
    medians = {arm.label: spread(outcomes(arm, measure, "best").values(), higher=False).median for arm in design.arms}
    known = [value for label, value in medians.items() if math.isfinite(value) and baseline in (None, label)]
    return max(known, default=math.nan)
