"""How often sequential studies err, and how many runs they spend against the fixed design: simulated studies.

python benchmarks/sequential.py --studies 2000 --output benchmarks/results/sequential.md

The seed is 1: the defaults were chosen with others.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from verdict_errors import Array, draw

from gan_experiments.comparison import stopping
from gan_experiments.comparison.difference import Difference, compare_values
from gan_experiments.comparison.sequential import Plan, look_at
from gan_experiments.comparison.statistics import ALPHA, BETTER, WORSE, holm
from gan_experiments.comparison.stopping import AtBest, Course, learn_rule, stoppable
from gan_experiments.sweeps.sequential import looks

MOST, FIRST, ROUNDS, FUTILITY = 20, 5, 6, 0.2  # the defaults of the sweeper
APART = 0.5, 3.0  # standard deviations, between which differences are drawn
SHARES = np.arange(1, 10) / 10  # of the budget, at which runs are evaluated


@dataclass(frozen=True)
class Cell:
    """What is simulated: arms with these true means, in standard deviations of a value; the first is the baseline.

    Attributes:
        law: Of the final values.
        means: Of each arm.
        correlation: Between values of one seed.
        diverging: Share of runs that diverge, or that of each arm.
        baseline: Whether the others are compared with the first arm; otherwise all pairs are.
        spreads: Factors of the standard deviation of each arm; empty: 1.
        slow: How far above its final value a curve of each arm begins; if empty, runs have no curves.
        looks: Seeds after each round.
        stops: Whether runs are stopped by their curves.
        futility: Chance that the last look will show a difference, below which a comparison is dropped.
        drawn: How many arms, the last ones, have a mean that is drawn for each study.
    """

    law: str
    means: Sequence[float]
    correlation: float = 0.0
    diverging: float | Sequence[float] = 0.0
    baseline: bool = True
    spreads: Sequence[float] = ()
    slow: Sequence[float] = ()
    looks: Sequence[int] = looks(FIRST, MOST, ROUNDS)
    stops: bool = True
    futility: float = FUTILITY
    drawn: int = 0


@dataclass
class Outcome:
    """What has come of one study."""

    verdicts: Mapping[tuple[str, str], str]
    fixed: Mapping[tuple[str, str], str]
    runs: int
    covered: list[bool]
    images: float = 0.0
    stopped: int = 0
    wrong: int = 0

    def agree(self, pairs: Sequence[tuple[str, str]]) -> float:
        """Return the share of comparisons whose verdicts are those of the fixed design."""
        return float(np.mean([self.verdicts.get(pair) == self.fixed.get(pair) for pair in pairs]))


_known: dict[tuple[object, ...], Difference] = {}


def remembered(first: Array, second: Array, matched: bool, level: float = ALPHA) -> Difference:
    """Compare values, or return what was found before: each look of a study takes the earlier ones again."""
    key = np.asarray(first).tobytes(), np.asarray(second).tobytes(), matched, level
    if key not in _known:
        _known[key] = compare_values(first, second, matched, level)
    return _known[key]


def one_study(rng: np.random.Generator, cell: Cell) -> Outcome:
    """Simulate a study of both designs with the same values."""
    _known.clear()
    if cell.drawn:
        signs = rng.choice([-1.0, 1.0], cell.drawn)
        cell = replace(cell, means=[*cell.means[: -cell.drawn], *(signs * rng.uniform(*APART, cell.drawn))])
    names = [f"arm{number}" for number in range(len(cell.means))]
    values = dict(zip(names, _values(rng, cell), strict=True))
    curves = dict(zip(names, _curves(rng, cell, np.array(list(values.values()))), strict=True)) if cell.slow else {}
    plan = Plan(tuple(cell.looks), {name: [] for name in names}, names[0] if cell.baseline else None,
                "fid", "final", None, cell.futility)  # fmt: skip
    outcomes: dict[str, dict[int, float]] = {name: {} for name in names}
    study, still_open = Outcome({}, _fixed(plan, values), 0, []), names
    for count in plan.looks:
        shares = _play(curves if cell.stops else {}, values, outcomes, plan.baseline, still_open, count)
        study.images, study.runs = study.images + sum(shares), study.runs + len(shares)
        interim = look_at(plan, outcomes)
        still_open = interim.open
        if not still_open:
            break
    means = dict(zip(names, cell.means, strict=True))
    for first, second in plan.pairs():
        look = plan.test(outcomes[first], outcomes[second])
        if look is not None and not np.isnan(look.result.low):
            study.covered.append(look.result.low <= means[first] - means[second] <= look.result.high)
    ends = [(end, values[name][seed]) for name in names for seed, end in outcomes[name].items()]
    study.stopped = sum(isinstance(end, AtBest) for end, _ in ends)
    study.wrong = sum(isinstance(end, AtBest) and end > final for end, final in ends)
    study.verdicts = {pair: word for pair, word in interim.verdicts.items() if word in (BETTER, WORSE)}
    return study


def _play(
    curves: Mapping[str, Array],
    values: Mapping[str, Array],
    outcomes: dict[str, dict[int, float]],
    baseline: str | None,
    still_open: Sequence[str],
    count: int,
) -> list[float]:
    """Add the outcomes of a round, some of runs that are stopped by their curves; return the shares of the budget."""
    ends = {name: list(each.values()) for name, each in outcomes.items()}
    courses = {
        name: [Course(SHARES, curves[name][seed], end) for seed, end in outcomes[name].items() if _is_known(end)]
        for name in curves
    }
    rule = learn_rule(courses, ends, baseline, "fid") if curves and any(ends.values()) else None
    allowed, seen = stoppable(courses, rule) if rule else [], []
    for name in still_open:
        for seed in range(len(outcomes[name]), count):
            outcomes[name][seed] = float(values[name][seed])
            seen.append(1.0)
            if rule and name in allowed and np.isfinite(values[name][seed]):
                rule.stopped = {}
                for share, value in zip(SHARES, curves[name][seed], strict=True):
                    rule.look(round(share * 100), 100, value)
                    if rule.stopped:
                        outcomes[name][seed], seen[-1] = AtBest(rule.stopped["bound"]), share
                        break
    return seen


def _is_known(end: float) -> bool:
    return bool(np.isfinite(end)) and not isinstance(end, AtBest)


def _curves(rng: np.random.Generator, cell: Cell, values: Array) -> Array:
    """Draw curves that fall to the final values, from a height that is a run's own, with noise that shrinks."""
    heights = np.array(cell.slow)[:, None] * rng.lognormal(0, 0.3, values.shape)
    noise = rng.standard_normal((*values.shape, len(SHARES)))
    return (
        values[..., None]
        + heights[..., None] * (1 - SHARES) ** 2
        + (0.3 + heights[..., None] * (1 - SHARES) / 10) * noise
    )


def _values(rng: np.random.Generator, cell: Cell) -> Array:
    shape = len(cell.means), cell.looks[-1]
    own = draw(rng, cell.law, 1.0, shape)
    if cell.correlation:
        own = cell.correlation**0.5 * draw(rng, cell.law, 1.0, (1, shape[1])) + (1 - cell.correlation) ** 0.5 * own
    values = own * np.array(cell.spreads or [1.0])[:, None] + np.array(cell.means)[:, None]
    values[rng.random(shape) < np.reshape(cell.diverging, (-1, 1))] = np.inf
    return values


def _fixed(plan: Plan, values: Mapping[str, Array]) -> dict[tuple[str, str], str]:
    pairs = plan.pairs()
    tests = [compare_values(values[first], values[second], matched=True) for first, second in pairs]
    adjusted = holm([test.p for test in tests], len(pairs))
    found = zip(pairs, tests, adjusted, strict=True)
    return {pair: BETTER if test.ahead else WORSE for pair, test, p in found if p <= ALPHA}


def rows(cells: Sequence[Cell], studies: int, seed: int) -> Iterator[str]:
    """Yield a table: errors and coverage, agreement with the fixed design, and the share of its runs."""
    titles = (
        "values",
        "arms",
        "true means",
        "correlated",
        "diverging",
        "false",
        "covered",
        "as the fixed design",
        "runs",
    )
    yield f"| {' | '.join(titles)} |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|"
    for cell in cells:
        begin = time.perf_counter()
        rng = np.random.default_rng(seed)
        found = [one_study(rng, cell) for _ in range(studies)]
        means = {f"arm{number}": mean for number, mean in enumerate(cell.means)}
        false = [any(_is_false(pair, word, means) for pair, word in each.verdicts.items()) for each in found]
        covered = [hit for each in found for hit in each.covered]
        same = [dict(each.verdicts) == dict(each.fixed) for each in found]
        runs = np.mean([each.runs for each in found]) / (cell.looks[-1] * len(cell.means))
        shown = f"{', '.join(f'{mean:g}' for mean in cell.means)}" if len(set(cell.means)) > 1 else "all 0"
        design = f"{len(cell.means)}{'' if cell.baseline else ', all pairs'}"
        about = [cell.law, design, shown, f"{cell.correlation:g}", _shares(cell)]
        scores = [f"{np.mean(values):.1%}" if values else "-" for values in (false, covered, same)]
        line = f"| {' | '.join([*about, *scores, f'{runs:.0%}'])} |"
        print(line, f"{time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
        yield line


def _shares(cell: Cell) -> str:
    return ", ".join(f"{share:.0%}" for share in np.atleast_1d(cell.diverging))


def _is_false(pair: tuple[str, str], word: str, means: Mapping[str, float]) -> bool:
    first, second = (means[name] for name in pair)
    return first >= second if word == BETTER else first <= second


def drawn_rows(cells: Sequence[Cell], studies: int, seed: int) -> Iterator[str]:
    """Yield a table of studies whose differences are drawn, and the average of its rows."""
    yield "| arms | that differ | as the fixed design: studies | comparisons | runs |"
    yield "|---:|---:|---:|---:|---:|"
    found = []
    for cell in cells:
        begin = time.perf_counter()
        some = _studies(cell, studies, seed)
        pairs = [(f"arm{number}", "arm0") for number in range(1, len(cell.means))]
        same = np.mean([dict(each.verdicts) == dict(each.fixed) for each in some])
        agreed = np.mean([each.agree(pairs) for each in some])
        runs = np.mean([each.runs for each in some]) / (cell.looks[-1] * len(cell.means))
        found.append((same, agreed, runs))
        line = f"| {len(cell.means)} | {cell.drawn} | {same:.1%} | {agreed:.1%} | {runs:.1%} |"
        print(line, f"{time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
        yield line
    yield f"| average | | {' | '.join(f'**{share:.1%}**' for share in np.mean(found, axis=0))} |"


NONE = [
    *(Cell(law, [0.0] * 2) for law in ("normal", "lognormal", "t2")),
    Cell("normal", [0.0] * 2, correlation=0.8),
    Cell("lognormal", [0.0] * 2, diverging=0.3),
    Cell("normal", [0.0] * 4, baseline=False),
    Cell("lognormal", [0.0] * 10, diverging=0.1),
    Cell("t2", [0.0] * 10, correlation=0.5, diverging=0.3),
]


def stopping_rows(studies: int, seed: int) -> Iterator[str]:
    """Yield a table of studies whose runs are stopped by their curves, and the same studies where they are not."""
    titles = "values", "arms", "true means", "spreads", "curves begin", "looks", "diverging", "false"
    titles += "without", "covered", "as the fixed design", "without", "images", "without", "stopped", "bound wrong"
    yield f"| {' | '.join(titles)} |"
    yield "|---|---:|---|---|---|---|" + "---:|" * 10
    for cell in CURVES:
        begin = time.perf_counter()
        on, off = (_studies(replace(cell, stops=stops), studies, seed) for stops in (True, False))
        means = {f"arm{number}": mean for number, mean in enumerate(cell.means)}
        false, usual = (
            np.mean([any(_is_false(pair, word, means) for pair, word in each.verdicts.items()) for each in some])
            for some in (on, off)
        )
        covered = np.mean([hit for each in on for hit in each.covered] or [np.nan])
        same, before = (np.mean([dict(each.verdicts) == dict(each.fixed) for each in some]) for some in (on, off))
        images = [np.mean([each.images for each in some]) / (cell.looks[-1] * len(cell.means)) for some in (on, off)]
        stopped, wrong = sum(each.stopped for each in on), sum(each.wrong for each in on)
        about = [
            ", ".join(f"{value:g}" for value in values) for values in (cell.means, cell.spreads, cell.slow, cell.looks)
        ]
        design = f"{len(cell.means)}{'' if cell.baseline else ', all pairs'}"
        shares = [f"{share:.1%}" for share in (false, usual, covered, same, before)] + [
            f"{share:.0%}" for share in images
        ]
        rest = f"{stopped / sum(each.runs for each in on):.1%} | {wrong / stopped if stopped else 0:.1%}"
        yield f"| {' | '.join([cell.law, design, *about, _shares(cell), *shares])} | {rest} |"
        print(cell, f"{time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)


def _studies(cell: Cell, studies: int, seed: int) -> list[Outcome]:
    rng = np.random.default_rng(seed)
    return [one_study(rng, cell) for _ in range(studies)]


FEW = (4, 6, 8)
CURVES = [
    Cell("normal", [0] * 2, spreads=[1] * 2, slow=[10] * 2, looks=FEW),
    Cell("normal", [0] * 2, spreads=[1, 10], slow=[10] * 2),
    Cell("lognormal", [0] * 6, spreads=[1, 1, 3, 3, 10, 10], slow=[10] * 6, looks=FEW),
    Cell("t2", [0] * 6, spreads=[1] * 6, slow=[10, 10, 10, 30, 30, 100], looks=FEW),
    Cell("t2", [0] * 4, spreads=[1, 1, 5, 10], slow=[10] * 4, baseline=False, looks=(5, 7, 10)),
    Cell("lognormal", [0] * 6, spreads=[1] * 6, slow=[10] * 6, diverging=0.1, looks=FEW),
    Cell("normal", [0] * 4, spreads=[1] * 4, slow=[10, 10, 100, 100], looks=(4, 14)),
    Cell("normal", [0] * 5 + [10], spreads=[1] * 6, slow=[10] * 6, looks=FEW),
    Cell("normal", [0] * 5 + [30], spreads=[1] * 6, slow=[10] * 6, looks=(3, 5, 8)),
]
SOME = [Cell("normal", [0.0, difference]) for difference in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)]
SOME += [Cell("normal", [0.0, 0.0, 0.0, 0.0, 0.0, 3.0])]
FAILING = [Cell("normal", [0.0] * arms + [1.0], diverging=[0.0] * arms + [0.3]) for arms in (1, 5)]
FAILING += [Cell("normal", [0.0, 2.0], diverging=0.1)]
SAFER = [replace(cell, looks=looks(8, MOST, 4), futility=0.05) for cell in (*NONE[:3], *SOME)]
ONE = [Cell("normal", [0.0] * arms, drawn=1) for arms in range(2, 11)]
ALL = [Cell("normal", [0.0] * arms, drawn=arms - 1) for arms in (3, 4, 6, 10)]


def main() -> None:
    """Simulate, and print the tables or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    stopping.compare_values = remembered
    counts = looks(FIRST, MOST, ROUNDS)
    lines = [
        "# Errors and cost of sequential studies",
        "",
        f"    python benchmarks/sequential.py --studies {arguments.studies} --seed {arguments.seed}",
        "",
        f"{arguments.studies:,} simulated studies a cell, looks after {', '.join(map(str, counts))} seeds."
        " The first arm is the baseline, but for all pairs; means",
        "are in standard deviations. False: better or worse where there is no difference, or the wrong way, in any"
        " comparison",
        "of a study. Covered: intervals of differences, of arms without a diverged seed. As the fixed design: all"
        " verdicts are",
        f"those of {MOST} seeds of each arm. Runs: as a share of those.",
        "",
        *rows(NONE, arguments.studies, arguments.seed),
        "",
        *rows([*SOME, *FAILING], arguments.studies, arguments.seed),
        "",
        f"Differences of {APART[0]:g} to {APART[1]:g} standard deviations, all as likely, drawn for each study, with"
        " either sign: first one arm",
        "differs from the baseline and the rest, then all others differ from the baseline. Studies: all of its verdicts"
        " are",
        "those of the fixed design. Comparisons: single verdicts.",
        "",
        *drawn_rows(ONE, arguments.studies, arguments.seed),
        "",
        *drawn_rows(ALL, arguments.studies, arguments.seed),
        "",
        f"With `first_seeds=8 rounds=4 futility=0.05`, looks after {', '.join(map(str, SAFER[0].looks))} seeds:",
        "",
        *rows(SAFER, arguments.studies, arguments.seed),
        "",
        "With `stop_within_runs`, and without. Spreads: standard deviations of the arms. Curves begin so many above",
        "their final values, and fall with noise. Images: as a share of those of the fixed design. Stopped: of the",
        "runs. Bound wrong: of the stopped runs, those that would have ended better than they count.",
        "",
        *stopping_rows(arguments.studies, arguments.seed),
        "",
    ]
    if arguments.output:
        arguments.output.write_text("\n".join(lines))
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
