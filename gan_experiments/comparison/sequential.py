"""Sequential studies: seeds are added in rounds until each comparison is settled; tests allow for the many looks.

Every look tests at a level of its own (``spending``). Its interval has that level, so that those of all looks cover
at once (repeated confidence intervals, Jennison & Turnbull 1989), whenever and why ever a study stops. Its p value
is turned into the least level of the whole study at which it rejects, and the least of the looks is a p value that
stopping cannot spoil (Liu & Anderson 2008); Holm's correction of such values holds its level over the arms (Maurer &
Bretz 2013).

Arms have equally many seeds at a look, where the test of a fixed design is at its best. A test martingale would need no
plan of looks; it was not tried.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from scipy.special import ndtr, ndtri

from gan_experiments.comparison.arms import Score
from gan_experiments.comparison.difference import Difference
from gan_experiments.comparison.spending import level_of_look, p_of_study
from gan_experiments.comparison.statistics import ALPHA, BETTER, CLOSE, EQUIVALENT, WORSE, holm, smallest_p
from gan_experiments.comparison.stopping import compare_outcomes
from gan_experiments.core.files import write_json
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.metrics_table import Floats

PLAN_FILE = "sequential.json"  # in the study's folder

Outcomes = Mapping[int, float]  # by seed; smaller is better, inf diverged, ``AtBest`` stopped


class Look(NamedTuple):
    """The test of two arms at a look.

    Attributes:
        first: Values of the first arm, by seed.
        second: Those of the second.
        matched: Whether they have the same seeds.
        result: The test; its p value and interval allow for the other looks.
        latest: The p value that a fixed design of normal values would have at the last look so far.
        share: Seeds by then, divided by those of the last look of the plan.
    """

    first: Floats
    second: Floats
    matched: bool
    result: Difference
    latest: float
    share: float


@dataclass(frozen=True)
class Plan:
    """What a sequential study has laid down before its first run.

    Attributes:
        looks: Seeds of each arm that goes on, at each look.
        arms: Overrides of each arm, by its label.
        baseline: The arm that the others are compared with; ``None``: all pairs.
        measure: What runs are compared by.
        score: ``final`` or ``best``.
        smallest_difference: Arms that differ by less are equivalent; ``None``: none are.
        futility: Probability that the last look will show a difference, below which nothing more is asked; 0: never.
        stop_within_runs: Whether runs are stopped by their curves from the second round on.
    """

    looks: tuple[int, ...]
    arms: Mapping[str, Sequence[str]]
    baseline: str | None
    measure: str
    score: Score
    smallest_difference: float | None
    futility: float = 0.0
    stop_within_runs: bool = False

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of arms that are compared; with a baseline it is the second."""
        if self.baseline is None:
            return list(combinations(self.arms, 2))
        return [(arm, self.baseline) for arm in self.arms if arm != self.baseline]

    def problems(self) -> list[str]:
        """Return why no verdict can come of it; empty if one can."""
        if self.baseline is not None and self.baseline not in self.arms:
            return [f"hydra.sweeper.baseline: no arm is called {self.baseline!r} ({', '.join(self.arms)})"]
        last, family = self.looks[-1], len(self.pairs())
        if p_of_study(self.looks, len(self.looks) - 1, smallest_p(last, last)) * family > ALPHA:
            text = f"{last} seeds are too few for {family} comparisons, however large the differences"
            return [f"hydra.sweeper.max_seeds: {text}"]
        return []

    def test(self, first: Outcomes, second: Outcomes) -> Look | None:
        """Test two arms at every look that both have reached; valid whenever the study has stopped.

        Returns:
            The look with the smallest p value if that is significant, else the last; its p value is the smallest of all
            looks. ``None`` before the first.
        """
        looks: list[Look] = []
        before = 0
        for index, count in enumerate(self.looks):
            seeds = [[seed for seed in sorted(arm) if seed < count] for arm in (first, second)]
            if not all(len(each) > 1 and each[-1] >= before for each in seeds):
                break
            before = count
            ends, others = ([arm[seed] for seed in each] for arm, each in zip((first, second), seeds, strict=True))
            level = level_of_look(self.looks, index, ALPHA)
            a, b, compared = compare_outcomes(ends, others, seeds[0] == seeds[1], level)
            result = compared._replace(p=p_of_study(self.looks, index, compared.p))
            looks.append(Look(a, b, seeds[0] == seeds[1], result, compared.p_if_normal, count / self.looks[-1]))
        if not looks:
            return None
        best = min(looks, key=lambda look: look.result.p)
        shown = best if best.result.p <= ALPHA else looks[-1]
        result = shown.result._replace(p=best.result.p)
        return shown._replace(result=result, latest=looks[-1].latest, share=looks[-1].share)

    def is_equivalent(self, result: Difference) -> bool:
        """Tell whether the interval lies within the smallest difference that matters."""
        smallest = self.smallest_difference
        return smallest is not None and result.low > -smallest and result.high < smallest

    def is_futile(self, look: Look) -> bool:
        """Tell whether the last look will hardly show a difference, given this one.

        The probability is that of normal values whose difference is unknown (predictive power, Spiegelhalter, Freedman
        & Blackburn 1986), by a p value that does not allow for skewed ones: that allowance is large for few seeds and
        shrinks with each, so that with it a difference would seem to be smaller than the last look will find it; the
        same goes for diverged seeds. To stop then makes no difference appear: p values and intervals stay valid.
        """
        if not self.futility or look.share == 1 or self.smallest_difference is not None:
            return False  # more seeds may show that there is no difference that matters
        bound = -ndtri(level_of_look(self.looks, len(self.looks) - 1, ALPHA / len(self.pairs())) / 2)
        middle = -ndtri(look.latest / 2) / math.sqrt(look.share)
        spread = math.sqrt((1 - look.share) / look.share)
        beyond = ndtr((middle - bound) / spread) + ndtr((-bound - middle) / spread)
        return bool(beyond < self.futility)


class Interim(NamedTuple):
    """What a look shows.

    Attributes:
        verdicts: ``better``, ``worse`` or ``equivalent`` of the settled pairs, ``too close to call`` of futile ones.
        open: Arms that get more seeds.
    """

    verdicts: dict[tuple[str, str], str]
    open: list[str]


def look_at(plan: Plan, outcomes: Mapping[str, Outcomes]) -> Interim:
    """Return what is settled, and which arms are still in question.

    Without a baseline an arm that is worse than another cannot win: nothing more is asked about it.

    Args:
        plan: Of the study.
        outcomes: Of each arm, by seed.
    """
    pairs = plan.pairs()
    looks = [plan.test(outcomes[first], outcomes[second]) for first, second in pairs]
    adjusted = holm([look.result.p if look else 1.0 for look in looks], len(pairs))
    verdicts = {}
    for pair, look, p in zip(pairs, looks, adjusted, strict=True):
        if look and p <= ALPHA:
            verdicts[pair] = BETTER if look.result.ahead else WORSE
        elif look and plan.is_equivalent(look.result):
            verdicts[pair] = EQUIVALENT
        elif look and plan.is_futile(look):
            verdicts[pair] = CLOSE
    lost: set[str] = set()
    if plan.baseline is None:
        lost = {pair[verdict == BETTER] for pair, verdict in verdicts.items() if verdict in (BETTER, WORSE)}
    in_question = {arm for pair in pairs if pair not in verdicts and not lost & set(pair) for arm in pair}
    return Interim(verdicts, [arm for arm in plan.arms if arm in in_question])


def read_plan(study: Path) -> Plan | None:
    """Return the plan of a sequential study; ``None`` of another one.

    Raises:
        ConfigError: The file cannot be read.
    """
    file = study / PLAN_FILE
    if not file.is_file():
        return None
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        return Plan(**{**fields, "looks": tuple(int(look) for look in fields["looks"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{file}: not the plan of a sequential study ({type(error).__name__})") from error


def keep_plan(study: Path, plan: Plan) -> None:
    """Write the plan into the study's folder, or refuse another one than is there.

    Raises:
        ConfigError: Says what differs.
    """
    before, now = read_plan(study), json.loads(json.dumps(asdict(plan)))
    if before is None:
        write_json(study / PLAN_FILE, now)
        return
    planned = json.loads(json.dumps(asdict(before)))
    lines = [
        f"{key}: {planned[key]} in the plan of {study}, {now[key]} here" for key in now if planned[key] != now[key]
    ]
    if lines:
        text = "a study keeps its plan: hydra.sweeper.futility=0 and the like repeat it"
        if planned["looks"] != now["looks"]:
            first, most, rounds = before.looks[0], before.looks[-1], len(before.looks)
            text += f", first_seeds={first}, rounds={rounds} and max_seeds={most} of hydra.sweeper its looks"
        text += "; hydra.sweep.dir=... begins another"
        raise ConfigError([*lines, text])
