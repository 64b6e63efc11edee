"""Verdict sentences, and numbers formatted for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gan_experiments.comparison import statistics
from gan_experiments.comparison.comparison import Comparison
from gan_experiments.comparison.pairs import PairResult
from gan_experiments.comparison.seeds_needed import MOST_SEEDS
from gan_experiments.comparison.statistics import BETTER, CLOSE, EQUIVALENT, FEW_SEEDS, UNTESTED, WORSE
from gan_experiments.core.text import first_few

_MOST_NAMES = 7  # in a sentence


def verdict(comparison: Comparison) -> list[str]:
    """Return the result of the tests in a few sentences, and the estimated seeds for what is undecided."""
    untested = _nothing_to_test(comparison)
    if untested:
        return [untested]
    if comparison.baseline is not None:
        pairs = comparison.pairs
        words = (BETTER, WORSE, EQUIVALENT, CLOSE, FEW_SEEDS)
        results = "; ".join(_of_one_verdict(pairs, word) for word in words if _first(pairs, word))
        return [
            f"Against the baseline {comparison.baseline}: {results}.",
            *_outlook(comparison, pairs),
            *_looks(comparison),
        ]
    leader = comparison.arms[0]
    pairs = [pair for pair in comparison.pairs if pair.first == leader.label]
    ahead, behind, alike, close = (
        [pair.second for pair in pairs if pair.verdict == word] for word in (BETTER, WORSE, EQUIVALENT, CLOSE)
    )
    results = f"better than {listed(ahead)}" if ahead else "not significantly better than any other arm"
    why = "by its mean or its diverged seeds" if leader.diverged else "in its mean"
    results += f"; worse than {listed(behind)} {why}" if behind else ""
    results += f"; {EQUIVALENT} to {listed(alike)}" if alike else ""
    results += f"; {CLOSE} against {listed(close)}" if close else ""
    return [
        f"{leader.label} ranks first with {_reached(comparison)}: {results}.",
        *_outlook(comparison, pairs),
        *_looks(comparison),
    ]


def seeds_needed_text(pair: PairResult) -> str:
    """Return the estimated seeds per arm for a verdict; a hyphen if there is one, or nothing is known."""
    if pair.seeds_needed is None:
        return "-"
    return f"> {MOST_SEEDS:,}" if math.isinf(pair.seeds_needed) else f"{pair.seeds_needed:,}"


def score_name(comparison: Comparison) -> str:
    """Return what is compared: ``final FID``, or ``inception-50k FID`` of an evaluation that was made afterwards."""
    return f"{comparison.evaluation or comparison.criterion.score} {comparison.criterion.measure.upper()}"


def direction(comparison: Comparison) -> str:
    """Return whether lower or higher values are better."""
    return f"{'higher' if comparison.criterion.higher_is_better else 'lower'} is better"


def number(value: float | None) -> str:
    """Return a number with two to four significant digits; a hyphen for none."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "diverged"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if 0 < size < 0.01:
        return f"{value:.2g}"
    return f"{value:.{1 if size >= 100 else 2 if size >= 10 else 3}f}"


def spread_text(spread: Sequence[float]) -> str:
    """Return a mean with its interval."""
    mean, low, high = spread[:3]
    if math.isnan(low):
        return number(mean)
    ends = [number(end) if math.isfinite(end) else str(end) for end in (low, high)]
    return f"{number(mean)} [{', '.join(ends)}]"


def percent(share: float) -> str:
    """Return a fraction in percent."""
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"


def probability(p: float) -> str:
    """Return a p value or a probability with three decimals."""
    return "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    """Return a time in seconds, minutes or hours."""
    if seconds is None or math.isnan(seconds):
        return "-"
    if math.isinf(seconds):
        return "never"
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 120 else f"{seconds:.0f} s"


def amount(value: float | None) -> str:
    """Return a count of images or steps."""
    return "-" if value is None or math.isnan(value) else "never" if math.isinf(value) else f"{value:,.0f}"


def seeds(count: int) -> str:
    """Return a number of seeds."""
    return f"{count} seed{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence, the first few of many."""
    return first_few(names, _MOST_NAMES, last=" and ")


def _first(pairs: Sequence[PairResult], verdict: str) -> list[str]:
    return [pair.first for pair in pairs if pair.verdict == verdict]


def _of_one_verdict(pairs: Sequence[PairResult], verdict: str) -> str:
    names = _first(pairs, verdict)
    if verdict == FEW_SEEDS:
        return f"{FEW_SEEDS} to judge {listed(names)}"
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'} {verdict}"


def _nothing_to_test(comparison: Comparison) -> str:
    """Return why there is no verdict; empty if there is one."""
    ended = [arm for arm in comparison.arms if arm.count]
    if len(comparison.arms) == 1:
        subject = f"{ended[0].label} reaches" if comparison.design.factors else "The runs reach"
        count = f"{ended[0].count} runs" if comparison.design.within else seeds(ended[0].count)
        text = f"{subject} {_reached(comparison)} ({count})."
        return f"{text} There is only one arm, so nothing is compared."
    if len(ended) == 1:
        return f"Only {ended[0].label} has runs that ended with a {score_name(comparison)}, so nothing is compared."
    if comparison.baseline is not None and all(arm.label != comparison.baseline for arm in ended):
        run = f"run that ended with a {score_name(comparison)}"
        return f"The baseline {comparison.baseline} has no {run}, so nothing is compared."
    if any(pair.verdict != UNTESTED for pair in comparison.pairs):
        return ""
    if max(arm.count for arm in ended) > 1:
        return "Nothing is tested: no two arms have at least two runs each that have ended."
    least = statistics.least_seeds(comparison.family)
    return (
        "Nothing is tested: with one seed per arm, a difference between two runs says nothing about the arms. "
        f"At least {least} seeds per arm are needed for a verdict."
    )


def _reached(comparison: Comparison) -> str:
    """Return the median of the first arm, by which it is the first, and its mean."""
    first = comparison.arms[0]
    spread = first.spread(comparison.criterion.score)
    if first.count == 1:
        return f"{score_name(comparison)} {number(spread.median)}"
    mean = "" if math.isnan(spread.mean) else f", mean {spread_text(spread)}"
    if math.isinf(spread.median):
        return f"a median seed that diverged{mean}"
    return f"a median {score_name(comparison)} of {number(spread.median)}{mean}"


def _outlook(comparison: Comparison, pairs: Sequence[PairResult]) -> list[str]:
    """Return whether the seeds are enough for any verdict, and how many the undecided pairs probably need."""
    lines = []
    few = [pair for pair in comparison.pairs if pair.verdict == FEW_SEEDS]
    family = comparison.family
    if few:
        least, single = statistics.least_seeds(family), statistics.least_seeds(1)
        fewest = min(min(pair.seeds) for pair in few)
        comparisons = f"{family} comparisons need" if family > 1 else "a comparison needs"
        line = f"With {seeds(fewest)} no difference can be significant, however large: {comparisons} at least {least} "
        line += "seeds per arm" + (f", a single one {single}." if single < least else ".")
        if not comparison.baseline and family > 1:
            line += " A baseline (baseline=..., chosen before looking at the results) reduces the comparisons."
        lines.append(line)
    other = "second" if comparison.baseline is None else "first"
    undecided = [pair for pair in pairs if pair.verdict in (CLOSE, FEW_SEEDS)]
    excluding = [getattr(pair, other) for pair in undecided if pair.low > 0 or pair.high < 0]
    if excluding:
        line = f"An interval that excludes 0 ({listed(excluding)}) is no verdict: it is that of one comparison alone"
        line += f", not corrected for {family}" if family > 1 else ""
        least = statistics.least_seeds(family)
        lines.append(f"{line}, and fewer than {least} seeds per arm decide nothing." if few else f"{line}.")
    estimated = [pair for pair in undecided if pair.seeds_needed is not None]
    if estimated:
        needed = listed([f"{seeds_needed_text(pair)} for {getattr(pair, other)}" for pair in estimated])
        lines.append(f"Estimated seeds per arm for a verdict, if the observed differences are real: {needed}.")
    split = [getattr(pair, other) for pair in undecided if pair.verdict == CLOSE and _is_split(comparison, pair)]
    if split:
        text = "One arm has more diverged seeds, but better ones otherwise"
        lines.append(f"{text} ({listed(split)}): that favours neither.")
    return lines


def _is_split(comparison: Comparison, pair: PairResult) -> bool:
    """Tell whether more seeds of the arm diverged whose other seeds are better."""
    shares = {arm.label: arm.diverged / arm.count for arm in comparison.arms if arm.count}
    worse = -pair.difference if comparison.criterion.higher_is_better else pair.difference
    return (shares[pair.first] - shares[pair.second]) * worse < 0


def _looks(comparison: Comparison) -> list[str]:
    """Return what a sequential study's p values and intervals allow for."""
    if comparison.plan is None:
        return []
    *first, last = map(str, comparison.plan.looks)
    looks = f"{', '.join(first)} and {last}" if first else last
    text = f"The study was sequential, with looks after {looks} seeds"
    text += ": p values and intervals of differences allow for that"
    return [f"{text}; means of single arms and their intervals do not."]
