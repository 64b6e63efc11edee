"""The fewest seeds with which a sequential rule can repeat the verdicts of a fixed design, by dynamic programming.

    python benchmarks/sequential_bound.py --output benchmarks/results/sequential_bound.md

Two arms of normal values whose spread is known; the verdict to repeat is that of the z test with all seeds at 5 %. The
rule knows more than any study does: that the difference is one of 0, 0.5, 1, ... 3 standard deviations, either way, and
how likely each is. For every price of a wrong verdict, backward induction over the looks finds the rule with the least
expected cost (DeGroot 1970, chapter 12); running it forward gives what it spends and how often it agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import harness
import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

MOST = 20
LOOKS = ((3, 4, 5, 6, 8, 10, 12, 15, 20), (5, 8, 12, 20), (8, 11, 15, 20))
PRICES = (4, 5, 6, 8, 12)  # of a wrong verdict, in fixed designs
DIFFERENCES = np.arange(-6, 7) / 2  # in standard deviations of a value
WEIGHTS = np.where(DIFFERENCES == 0, 2.0, 1.0) / (len(DIFFERENCES) + 1)
DRIFTS = DIFFERENCES / np.sqrt(2)  # of the sum of the seeds' differences, in its standard deviation by seed
SUMS = np.linspace(-70, 70, 1401)
STEP = SUMS[1] - SUMS[0]

Array = NDArray[np.float64]


def likely(seeds: int) -> Array:
    """Return how likely each difference is, given the sum of that many seeds' differences: ``(D, S)``."""
    logs = np.log(WEIGHTS)[:, None] - (SUMS - seeds * DRIFTS[:, None]) ** 2 / (2 * seeds)
    odds = np.exp(logs - logs.max(0))
    return np.asarray(odds / odds.sum(0))


def endings(seeds: int) -> Array:
    """Return the chances that the fixed design will say better, worse, or neither: ``(3, D, S)``."""
    bound = norm.isf(0.025) * np.sqrt(MOST)
    middle = SUMS + (MOST - seeds) * DRIFTS[:, None]
    left = np.sqrt(MOST - seeds) or 1e-9
    above, below = norm.sf((bound - middle) / left), norm.cdf((-bound - middle) / left)
    return np.stack([above, below, 1 - above - below])


def after(values: Array, seeds: int, drift: float, forward: bool) -> Array:
    """Carry a density forward by some seeds, or take the expectation of values that far ahead."""
    reach = int((8 * np.sqrt(seeds) + abs(seeds * drift)) / STEP)
    steps = norm.pdf(np.arange(-reach, reach + 1) * STEP, seeds * drift, np.sqrt(seeds)) * STEP
    if forward:
        return np.convolve(np.pad(values, reach), steps, "valid")
    return np.convolve(np.pad(values, reach, mode="edge"), steps[::-1], "valid")


def best_rule(looks: Sequence[int], price: float) -> tuple[dict[int, NDArray[np.bool_]], dict[int, NDArray[np.intp]]]:
    """Return where to stop at each look, and the verdict there: ``(S,)`` each."""
    stops, verdicts = {}, {}
    value = np.zeros_like(SUMS)
    for index in reversed(range(len(looks))):
        seeds = looks[index]
        posterior = likely(seeds)
        chances = (posterior * endings(seeds)).sum(1)
        stop = seeds / MOST + price * (1 - chances.max(0))
        if index < len(looks) - 1:
            ahead = [after(value, looks[index + 1] - seeds, drift, forward=False) for drift in DRIFTS]
            go_on = (posterior * np.array(ahead)).sum(0)
        else:
            go_on = np.full_like(stop, np.inf)
        stops[seeds], verdicts[seeds] = stop <= go_on, chances.argmax(0)
        value = np.minimum(stop, go_on)
    return stops, verdicts


def play(looks: Sequence[int], price: float) -> Array:
    """Return the agreement, the share of the seeds, and the chance of a verdict for each difference: ``(D, 3)``."""
    stops, verdicts = best_rule(looks, price)
    found = []
    for index, drift in enumerate(DRIFTS):
        density = norm.pdf(SUMS, looks[0] * drift, np.sqrt(looks[0])) * STEP
        agreed = spent = said = 0.0
        for seeds, following in zip(looks, [*looks[1:], None], strict=True):
            ending = density * stops[seeds]
            right = np.take_along_axis(endings(seeds)[:, index], verdicts[seeds][None], 0)[0]
            agreed, spent = agreed + ending @ right, spent + ending.sum() * seeds / MOST
            said += ending @ (verdicts[seeds] < 2)
            if following is not None:
                density = after(density - ending, following - seeds, drift, forward=True)
        found.append((agreed, spent, said))
    return np.array(found)


def rows() -> Iterator[str]:
    """Yield a table: what the best rules spend, and how often they agree."""
    apart = DIFFERENCES > 0
    names = [f"{difference:g} sd" for difference in DIFFERENCES[apart]]
    yield from harness.head("looks", "agreement, least", "seeds", *names, "none", "false")
    for looks in LOOKS:
        for price in PRICES:
            found = play(looks, price)
            agreed, spent, said = found.T
            none = DIFFERENCES == 0
            shares = [spent[apart].mean(), *spent[apart], spent[none][0]]
            texts = [f"{share:.0%}" for share in shares]
            yield harness.row(", ".join(map(str, looks)), f"{agreed[apart].min():.1%}", *texts, f"{said[none][0]:.1%}")


def main() -> None:
    """Compute, and print the table or write it."""
    arguments = harness.parser(__doc__).parse_args()
    text = """Two arms of normal values; the rule knows their spread, and which differences there may be. Seeds: as
a share of those of the fixed design, on average over differences of 0.5 to 3 standard deviations, then for each, and
for none. Agreement: with the verdict of the z test with 20 seeds, for the difference where it is least. False:
verdicts where there is no difference; the fixed design has 5 %. Each line is the best rule for another price of a
wrong verdict, among those with these looks."""
    harness.report(
        ["# What a sequential rule must spend", "", *harness.heading(), text, "", *rows(), ""], arguments.output
    )


if __name__ == "__main__":
    main()
