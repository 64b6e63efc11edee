"""How the compared values were measured, and how far they are from what a perfect generator would get."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from gan_experiments.comparison.collect import CollectedRun
from gan_experiments.comparison.comparability import extractor_of, skipped_images
from gan_experiments.comparison.comparison import Comparison
from gan_experiments.comparison.report.wording import number, score_name
from gan_experiments.core.text import first_few
from gan_experiments.runs.findings import is_far
from gan_experiments.runs.results import estimates
from gan_experiments.runs.summary import BASELINE_LIMITS, describe_provenance

_MOST_WAYS = 3


def measured(comparison: Comparison) -> list[str]:
    """Return features, weights, generator and counts, the real baseline beside the best arm, and unreadable images."""
    runs = [run for run in comparison.runs if run.status == "finished"]
    provenances = (_provenance(comparison, run) for run in runs)
    ways = dict.fromkeys(way for each, _ in groupby(provenances) if (way := _in_words(each)))  # most runs repeat one
    name = comparison.criterion.measure.upper()
    lines = [f"{name} is measured in {first_few(ways, _MOST_WAYS, last='; and in ')}."] if ways else []
    recorded = [each for run in runs if (each := estimates(run.record).get(comparison.criterion.measure))]
    known = {
        (each.real_baseline, each.real_baseline_spread)
        for each in recorded
        if each.real_baseline is not None and math.isfinite(each.real_baseline)
    }
    if comparison.criterion.score == "final" and len(known) == 1:
        ((baseline, spread),) = known
        lines += _against(comparison, baseline, spread)
    return lines + _left_out(comparison.runs)


def _left_out(runs: Iterable[CollectedRun]) -> list[str]:
    """Say how many images could not be read, if equally many in all runs; else it is a warning."""
    counts = skipped_images(runs)
    if len(counts) != 1 or not (count := next(iter(counts))):
        return []
    subject = "1 image of the data was" if count == 1 else f"{count:,} images of the data were"
    return [f"{subject} left out in every run, being unreadable (dataset.skipped)."]


def _provenance(comparison: Comparison, run: CollectedRun) -> dict[str, Any]:
    """Return what says how the values of a run were measured, without what differs between seeds; or nothing."""
    evaluation = run.record.get("evaluation")
    if not isinstance(evaluation, dict):
        return {}
    way = {key: value for key, value in evaluation.items() if key != "seed"}
    if comparison.criterion.score == "best":
        way["samples"] = evaluation.get("periodic_samples", 0)
    extractor = extractor_of(evaluation, comparison.criterion.measure)
    way["extractors"] = {extractor: evaluation["extractors"][extractor]} if extractor else {}
    return way


def _in_words(provenance: dict[str, Any]) -> str:
    try:
        return describe_provenance(provenance)[0] if provenance else ""
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""  # a record of other things than an evaluation


def _against(comparison: Comparison, baseline: float, spread: float | None) -> list[str]:
    """Compare the best arm with the real baseline."""
    criterion, best = comparison.criterion, comparison.arms[0].final.median
    perfect = number(baseline) + ("" if spread is None else f" ± {number(spread)}")
    text = f"A perfect generator would get {perfect} (the real baseline)"
    limits = f" {BASELINE_LIMITS}" if "fid" in criterion.measure else ""
    if baseline <= 0 or not math.isfinite(best):
        return [f"{text}.{limits}"]
    share = best / baseline
    times = f"{100 * share:.0f} % of that" if share < 2 else f"{share:,.{0 if share >= 10 else 1}f} times that"
    lines = [f"{text}; the best arm has {times} in the median.{limits}"]
    if is_far(best, baseline, criterion.higher_is_better):
        lines.append(
            f"All arms are far from it: {score_name(comparison)} ranks generators that have hardly learned the data, "
            "and their order says little about trained ones. Train longer before you compare."
        )
    return lines
