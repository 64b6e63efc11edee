"""How often gan-compare reports a difference where there is none, and finds one where there is: simulated studies.

Arms of 3 to 20 seeds have the same mean. Their standard deviations differ by factors of 1/10 to 10; values are normal,
lognormal (sigma 1, a long tail of bad runs) or of Student's t with 2 degrees of freedom; 0 to 30 % of the seeds of both
arms diverge. A table of its own has long tails of good runs.

    python benchmarks/verdict_errors.py --studies 4000 --output benchmarks/results/verdict_errors.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import harness
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gan_experiments.comparison.difference import compare_values, p_values

LAWS = ("normal", "lognormal", "t2")
TAILS = {"good runs, sigma 0.5": (0.5, -1), "good runs, sigma 1": (1.0, -1), "bad runs, sigma 0.5": (0.5, 1)}
COUNTS = ((3, 3), (3, 4), (3, 5), (3, 10), (3, 20), (4, 4), (4, 10), (5, 5), (5, 10), (5, 20), (8, 8), (10, 10))
COUNTS += ((10, 20), (15, 15), (20, 20))
RATIOS = (0.1, 0.2, 1 / 3, 1.0, 3.0, 5.0, 10.0)
DIVERGING = (0.0, 0.1, 0.3)
POWER_COUNTS = ((4, 4), (5, 5), (8, 8), (10, 10), (20, 20), (5, 10))
DIVERGING_POWER = (2.0, 0.1, 0.1), (0.0, 0.0, 0.3), (0.0, 0.05, 0.5), (1.0, 0.0, 0.3), (2.0, 0.1, 0.0), (2.0, 0.3, 0.0)
_LEVEL = 0.05

Array = NDArray[np.float64]


def draw(rng: np.random.Generator, law: str, spread: float, shape: tuple[int, int]) -> Array:
    """Draw values of mean 0; ``spread`` is their standard deviation, or the scale of t, which has none."""
    if law == "normal":
        return spread * rng.standard_normal(shape)
    if law == "t2":
        return spread * rng.standard_t(2, shape)
    sigma, side = TAILS.get(law, (1.0, 1))
    mean = math.exp(sigma**2 / 2)
    return side * spread * (rng.lognormal(0, sigma, shape) - mean) / (mean * math.sqrt(math.expm1(sigma**2)))


def false_verdicts(
    rng: np.random.Generator, studies: int, law: str, counts: tuple[int, int], ratio: float, diverging: float
) -> float:
    """Return the share of studies without a difference that report one."""
    a = draw(rng, law, ratio, (studies, counts[0]))
    b = draw(rng, law, 1.0, (studies, counts[1]))
    if not diverging:
        return float((p_values(a, b, matched=counts[0] == counts[1]) <= _LEVEL).mean())
    for values in (a, b):
        values[rng.random(values.shape) < diverging] = np.inf
    matched = counts[0] == counts[1]
    return float(np.mean([compare_values(x, y, matched).p <= _LEVEL for x, y in zip(a, b, strict=True)]))


def errors(
    rng: np.random.Generator, studies: int, slow_studies: int, laws: Sequence[str], shares: Sequence[float]
) -> Iterator[str]:
    """Yield rows: the highest rates over all ratios of spread, for laws and shares of diverged seeds."""
    heads = [law + (f", {share:.0%} diverged" if len(shares) > 1 else "") for law in laws for share in shares]
    yield f"| seeds | {' | '.join(heads)} |"
    yield "|---|" + "---:|" * len(heads)
    for counts in COUNTS:
        cells = []
        for law in laws:
            for share in shares:
                number = slow_studies if share else studies
                rates = {ratio: false_verdicts(rng, number, law, counts, ratio, share) for ratio in RATIOS}
                worst = max(rates, key=rates.__getitem__)
                cells.append(f"{100 * rates[worst]:.1f}" + (f" ({worst:.2g})" if rates[worst] > 0.02 else ""))
        yield f"| {counts[0]} + {counts[1]} | {' | '.join(cells)} |"


def power(rng: np.random.Generator, studies: int) -> Iterator[str]:
    """Yield rows: how often normal arms that are 1, 2 and 3 standard deviations apart are told apart."""
    effects = (1.0, 2.0, 3.0)
    names = [f"{effect:.0f} sd{name}" for effect in effects for name in ("", ", correlated", ", Welch")]
    yield f"| seeds | {' | '.join(names)} |"
    yield "|---|" + "---:|" * len(names)
    for n, m in POWER_COUNTS:
        cells = []
        for effect in effects:
            a, b = (draw(rng, "normal", 1.0, (studies, count)) for count in (n, m))
            welch = stats.ttest_ind(a + effect, b, axis=1, equal_var=False).pvalue
            rates = [p_values(a + effect, b, matched=n == m)]
            if n == m:
                rates.append(p_values(a + effect, 0.9 * a + math.sqrt(1 - 0.81) * b, matched=True))
            shares = [f"{100 * (p <= _LEVEL).mean():.0f}" for p in (*rates, welch)]
            cells += shares if n == m else [shares[0], "", shares[1]]
        yield f"| {n} + {m} | {' | '.join(cells)} |"


def power_of_unequal_spreads(rng: np.random.Generator, studies: int) -> Iterator[str]:
    """Yield rows: how often two arms are told apart of which one has three times the spread of the other."""
    effects = (2.0, 4.0, 6.0)
    names = [f"{effect:.0f} sd, {which} wider" for effect in effects for which in ("the worse", "the better")]
    yield f"| seeds | {' | '.join(names)} |"
    yield "|---|" + "---:|" * len(names)
    for n, m in POWER_COUNTS:
        cells = []
        for effect in effects:
            for better, worse in ((1.0, 3.0), (3.0, 1.0)):
                a, b = draw(rng, "normal", better, (studies, n)), draw(rng, "normal", worse, (studies, m)) + effect
                cells.append(f"{100 * (p_values(a, b, matched=n == m) <= _LEVEL).mean():.0f}")
        yield f"| {n} + {m} | {' | '.join(cells)} |"


def power_where_seeds_diverge(rng: np.random.Generator, studies: int) -> Iterator[str]:
    """Yield rows: how often two arms are told apart whose seeds diverge, and how often the first is worse."""
    heads = [f"{apart:g} sd, {first:.0%} and {second:.0%} diverged" for apart, first, second in DIVERGING_POWER]
    yield f"| seeds | {' | '.join(heads)} |"
    yield "|---|" + "---:|" * len(heads)
    for count in (5, 8, 10, 20, 40):
        cells = []
        for apart, *shares in DIVERGING_POWER:
            arms = rng.standard_normal((studies, 2, count)) + np.array([[0.0], [apart]])
            arms[rng.random(arms.shape) < np.array(shares)[:, None]] = np.inf
            found = [compare_values(a, b, matched=True) for a, b in arms]
            better, worse = (sum(each.p <= _LEVEL and each.ahead == ahead for each in found) for ahead in (True, False))
            cells.append(f"{100 * better / studies:.0f} ({100 * worse / studies:.0f})")
        yield f"| {count} + {count} | {' | '.join(cells)} |"


def main() -> None:
    """Simulate and print the tables, or write them."""
    parser = harness.parser(__doc__)
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--slow-studies", type=int, default=1000, help="where seeds diverge")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    lines = [
        "# False verdicts and power of gan-compare",
        "",
        *harness.heading(),
        "Percent of simulated studies without a difference that report one at 5 %: the highest over ratios of the",
        "standard deviations of the arms from 1/10 to 10, in brackets the ratio where it is reached. Standard error of",
        f"a rate of 5 %: {100 * math.sqrt(0.0475 / arguments.studies):.1f}, with diverged seeds"
        f" {100 * math.sqrt(0.0475 / arguments.slow_studies):.1f}.",
        "",
        *errors(rng, arguments.studies, arguments.slow_studies, LAWS, DIVERGING),
        "",
        "The same for lognormal values with a long tail of good runs, and with a shorter one of bad runs. The test is",
        "made for tails of bad runs of sigma 1, or of good runs of sigma 0.5; longer tails of good runs are too much.",
        "",
        *errors(rng, arguments.studies, arguments.slow_studies, list(TAILS), [0.0]),
        "",
        "Percent of studies that find a difference of 1, 2 and 3 standard deviations of normal values: arms with the",
        "same seeds, uncorrelated; with a correlation of 0.9 between the arms; and, for comparison, by Welch's t test,",
        "uncorrelated, which does not hold its level for skewed values.",
        "",
        *power(rng, arguments.studies),
        "",
        "Percent of studies that find a difference of normal values where one arm has three times the standard",
        "deviation of the other; the difference is in standard deviations of the narrower one.",
        "",
        *power_of_unequal_spreads(rng, arguments.studies),
        "",
        "Percent of studies in which the first arm is better, in brackets those in which it is worse, where seeds of",
        "both arms diverge, and the other values of the second are so many standard deviations worse. In the last two",
        "columns the arm that is otherwise better diverges more often, so that each word is true in some sense.",
        "",
        *power_where_seeds_diverge(rng, arguments.slow_studies),
        "",
    ]
    harness.report(lines, arguments.output)


if __name__ == "__main__":
    main()
