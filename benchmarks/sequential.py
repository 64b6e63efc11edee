"""How often sequential studies err, and how many runs they spend against the fixed design: simulated studies.

python benchmarks/sequential.py --studies 2000 --output benchmarks/results/sequential.md

The seed is 1: with 0 the default of futility was chosen.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from verdict_errors import Array, draw

from gan_experiments.comparison import sequential
from gan_experiments.comparison.difference import Difference, compare_values
from gan_experiments.comparison.sequential import Plan, look_at
from gan_experiments.comparison.statistics import ALPHA, BETTER, WORSE, holm
from gan_experiments.sweeps.sequential import looks

MOST, FIRST, ROUNDS, FUTILITY = 20, 8, 4, 0.05  # the defaults of the sweeper


@dataclass(frozen=True)
class Cell:
    """What is simulated: arms with these true means, in standard deviations of a value; the first is the baseline."""

    law: str
    means: Sequence[float]
    correlation: float = 0.0
    diverging: float = 0.0
    baseline: bool = True


@dataclass
class Outcome:
    """What has come of one study."""

    verdicts: Mapping[tuple[str, str], str]
    fixed: Mapping[tuple[str, str], str]
    runs: int
    covered: list[bool]


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
    names = [f"arm{number}" for number in range(len(cell.means))]
    values = _values(rng, cell)
    plan = Plan(looks(FIRST, MOST, ROUNDS), {name: [] for name in names}, names[0] if cell.baseline else None,
                "fid", "final", None, FUTILITY)  # fmt: skip
    asked, still_open = dict.fromkeys(names, 0), names
    for count in plan.looks:
        asked |= dict.fromkeys(still_open, count)
        outcomes = {name: dict(enumerate(row[: asked[name]])) for name, row in zip(names, values, strict=True)}
        interim = look_at(plan, outcomes)
        still_open = interim.open
        if not still_open:
            break
    means = dict(zip(names, cell.means, strict=True))
    covered = []
    for first, second in plan.pairs():
        look = plan.test(outcomes[first], outcomes[second])
        if look is not None and np.isfinite(look.result.low):
            covered.append(look.result.low <= means[first] - means[second] <= look.result.high)
    told = {pair: word for pair, word in interim.verdicts.items() if word in (BETTER, WORSE)}
    return Outcome(told, _fixed(plan, dict(zip(names, values, strict=True))), sum(asked.values()), covered)


def _values(rng: np.random.Generator, cell: Cell) -> Array:
    shape = len(cell.means), MOST
    own = draw(rng, cell.law, 1.0, shape)
    if cell.correlation:
        own = cell.correlation**0.5 * draw(rng, cell.law, 1.0, (1, MOST)) + (1 - cell.correlation) ** 0.5 * own
    values = own + np.array(cell.means)[:, None]
    values[rng.random(shape) < cell.diverging] = np.inf
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
        runs = np.mean([each.runs for each in found]) / (MOST * len(cell.means))
        shown = f"{', '.join(f'{mean:g}' for mean in cell.means)}" if len(set(cell.means)) > 1 else "all 0"
        design = f"{len(cell.means)}{'' if cell.baseline else ', all pairs'}"
        about = [cell.law, design, shown, f"{cell.correlation:g}", f"{cell.diverging:.0%}"]
        figures = [f"{np.mean(values):.1%}" if values else "-" for values in (false, covered, same)]
        line = f"| {' | '.join([*about, *figures, f'{runs:.0%}'])} |"
        print(line, f"{time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
        yield line


def _is_false(pair: tuple[str, str], word: str, means: Mapping[str, float]) -> bool:
    first, second = (means[name] for name in pair)
    return first >= second if word == BETTER else first <= second


NONE = [
    *(Cell(law, [0.0] * 2) for law in ("normal", "lognormal", "t2")),
    Cell("normal", [0.0] * 2, correlation=0.8),
    Cell("lognormal", [0.0] * 2, diverging=0.3),
    Cell("normal", [0.0] * 4, baseline=False),
    Cell("lognormal", [0.0] * 10, diverging=0.1),
    Cell("t2", [0.0] * 10, correlation=0.5, diverging=0.3),
]
SOME = [Cell("normal", [0.0, difference]) for difference in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)]
SOME += [Cell("normal", [0.0, 0.0, 0.0, 0.0, 0.0, 3.0])]


def main() -> None:
    """Simulate, and print the tables or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    sequential.compare_values = remembered
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
        *rows(SOME, arguments.studies, arguments.seed),
        "",
    ]
    if arguments.output:
        arguments.output.write_text("\n".join(lines))
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
