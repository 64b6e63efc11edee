"""The findings in words and numbers as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gan_experiments.compare import statistics
from gan_experiments.compare.comparison import Comparison
from gan_experiments.compare.pairs import PairResult
from gan_experiments.compare.statistics import BETTER, CLOSE, FEW_SEEDS, UNTESTED, WORSE

_MOST_NAMES = 8  # in a sentence


def verdict(comparison: Comparison) -> list[str]:
    """Say in a few sentences what the study shows, and how sure one can be."""
    alone = _nothing_to_test(comparison)
    if alone:
        return [alone]
    if comparison.baseline is not None:
        pairs = comparison.pairs
        words = (BETTER, WORSE, CLOSE, FEW_SEEDS)
        said = "; ".join(_of_one_verdict(pairs, word) for word in words if _first(pairs, word))
        return [f"Against {comparison.baseline}, the baseline: {said}.", *_outlook(comparison, pairs)]
    leader = comparison.arms[0]
    pairs = [pair for pair in comparison.pairs if pair.first == leader.label]
    ahead, behind, close = ([pair.second for pair in pairs if pair.verdict == word] for word in (BETTER, WORSE, CLOSE))
    said = f"better than {listed(ahead)}" if ahead else "not better than any other arm for sure"
    said += f"; by its mean worse than {listed(behind)}" if behind else ""
    said += f"; against {listed(close)} it is {CLOSE}" if close else ""
    return [f"{leader.label} ranks first with {_reached(comparison)}: {said}.", *_outlook(comparison, pairs)]


def needed_text(pair: PairResult) -> str:
    """Say how many seeds per arm would probably settle a pair."""
    if pair.verdict in (BETTER, WORSE, UNTESTED):
        return "-"
    return f"> {statistics.MOST_SEEDS:,}" if pair.needed is None else f"{pair.needed:,}"


def measure_name(comparison: Comparison) -> str:
    """Return the measure with its figure: ``final FID``."""
    return f"{comparison.measure.figure} {comparison.measure.name.upper()}"


def number(value: float | None) -> str:
    """Return a number with two to four digits that count; a hyphen for none."""
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
    return number(mean) if math.isnan(low) else f"{number(mean)} [{number(low)}, {number(high)}]"


def percent(share: float) -> str:
    """Return a share in percent."""
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"


def probability(p: float) -> str:
    """Return a p value or a probability as it is usually written."""
    return "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    """Return a time in its natural unit."""
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
    """Return so many seeds."""
    return f"{count} seed{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence, the first few of many."""
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _first(pairs: Sequence[PairResult], verdict: str) -> list[str]:
    return [pair.first for pair in pairs if pair.verdict == verdict]


def _of_one_verdict(pairs: Sequence[PairResult], verdict: str) -> str:
    names = _first(pairs, verdict)
    if verdict == FEW_SEEDS:
        return f"{FEW_SEEDS} to say anything about {listed(names)}"
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'} {verdict}"


def _nothing_to_test(comparison: Comparison) -> str:
    """Say why there is no verdict; empty if there is one."""
    there = [arm for arm in comparison.arms if arm.count]
    if len(comparison.arms) == 1:
        subject = there[0].label if comparison.design.factors else "The runs"
        text = f"{subject} reach {_reached(comparison)} ({seeds(there[0].count)})."
        return f"{text} There is one arm, and nothing to compare it with."
    if len(there) == 1:
        return f"Only {there[0].label} has runs that have ended: there is nothing to compare it with."
    if comparison.baseline is not None and all(arm.label != comparison.baseline for arm in there):
        return f"The baseline {comparison.baseline} has no run that has ended: there is nothing to compare with."
    if any(pair.verdict != UNTESTED for pair in comparison.pairs):
        return ""
    if max(arm.count for arm in there) > 1:
        return "Nothing is tested: no two arms have two seeds each that have ended."
    least = statistics.least_seeds(comparison.family)
    return (
        "Nothing is tested: with one seed per arm, a difference between two runs says nothing about the arms. "
        f"At least {least} seeds per arm are needed for a verdict."
    )


def _reached(comparison: Comparison) -> str:
    spread = comparison.arms[0].final_or_best(comparison.measure.figure)
    return f"{measure_name(comparison)} {spread_text(spread)}"


def _outlook(comparison: Comparison, pairs: Sequence[PairResult]) -> list[str]:
    """Say whether a test could come to a verdict at all, and how many seeds probably could."""
    lines = []
    few = [pair for pair in comparison.pairs if pair.verdict == FEW_SEEDS]
    family = comparison.family
    if few:
        least, alone = statistics.least_seeds(family), statistics.least_seeds(1)
        fewest = min(min(pair.seeds) for pair in few)
        lines.append(
            f"{seeds(fewest)} are too few to call any difference, however large: the {family} "
            f"comparison{'s' if family > 1 else ''} here need{'' if family > 1 else 's'} at least {least} seeds per arm"
            + (f", a single one {alone}. " if alone < least else ".")
            + (
                "Naming a baseline (baseline=..., before looking) makes fewer." if not comparison.baseline else ""
            ).strip()
        )
    other = "second" if comparison.baseline is None else "first"
    open_ = [pair for pair in pairs if pair.verdict in (CLOSE, FEW_SEEDS)]
    if open_:
        told = listed([f"{needed_text(pair)} for {getattr(pair, other)}" for pair in open_])
        lines.append(f"Seeds per arm that would probably settle it, if the differences are as they seem: {told}.")
    return lines
