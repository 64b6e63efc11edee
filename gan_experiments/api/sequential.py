"""Runs a sequential study: rounds of seeds for the arms still in question, with a comparison after each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_experiments.comparison.sequential import Interim, Plan, keep_plan, look_at
from gan_experiments.comparison.stopping import AtBest, Course, learn_rule, stoppable
from gan_experiments.core.dotted import value_of
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.directions import higher_is_better
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import read_metrics
from gan_experiments.runs.results import scores
from gan_experiments.runs.stop_rule import write_rule
from gan_experiments.sweeps.job import is_settled
from gan_experiments.sweeps.sequential import SequentialConfig, looks

Launch = Callable[[Sequence[Sequence[str]]], object]
FolderOf = Callable[[Sequence[str]], Path]


class SequentialStudy:
    """A sequential study in its folder. All state is in its plan and its runs, so that it can be killed at any time.

    Args:
        study: The folder of plan and runs.
        fixed: Overrides that all arms share.
        arms: Overrides of each arm, by its label.
        config: How to add seeds.
        launch: Runs jobs, given the overrides of each, and returns when all have ended.
        folder_of: Returns the run folder of a job's overrides.

    Raises:
        ConfigError: No verdict can come of it, or the folder holds another plan. Nothing has been written.
    """

    def __init__(
        self,
        study: Path,
        fixed: Sequence[str],
        arms: dict[str, list[str]],
        config: SequentialConfig,
        launch: Launch,
        folder_of: FolderOf,
    ) -> None:
        counts = looks(config.first_seeds, config.max_seeds, config.rounds)
        same = ("baseline", "measure", "score", "smallest_difference", "futility", "stop_within_runs")
        self.plan = Plan(counts, arms, **{name: getattr(config, name) for name in same})
        if problems := self.plan.problems():
            raise ConfigError(problems)
        self._better = config.better
        self._retry = "retry=failed" in fixed
        self._launch = launch
        self._folders = {
            (label, seed): ([*fixed, *lines, f"seed={seed}"], RunFolder(folder_of([*fixed, *lines, f"seed={seed}"])))
            for label, lines in arms.items()
            for seed in range(counts[-1])
        }
        keep_plan(study, self.plan)

    def run(self) -> Interim:
        """Run rounds until every comparison is settled or the arms have all their seeds.

        Raises:
            ConfigError: Runs lack the measure, or do not say whether higher is better.
            KeyboardInterrupt: A run was interrupted; the same command goes on.
        """
        asked = dict.fromkeys(self.plan.arms, 0)
        still_open = list(self.plan.arms)
        for count in self.plan.looks:
            before, asked = asked, asked | dict.fromkeys(still_open, count)
            if self.plan.stop_within_runs and any(before.values()):
                self._write_rules(before, asked)
            self._round(asked)
            interim = look_at(self.plan, self._outcomes(asked))
            still_open = interim.open
            print(_in_words(interim, count), flush=True)
            if not still_open:
                break
        return interim

    def _round(self, asked: dict[str, int]) -> None:
        jobs = [self._folders[label, seed] for label, count in asked.items() for seed in range(count)]
        pending = [lines for lines, folder in jobs if not is_settled(folder.record(), self._retry)]
        if pending:
            self._launch(pending)
        if any(not is_settled(folder.record(), retry=False) for _, folder in jobs):
            raise KeyboardInterrupt
        self._retry = False  # once

    def _write_rules(self, before: dict[str, int], asked: dict[str, int]) -> None:
        """Write into the folders of the next round when its runs are to stop, as the rounds before have taught."""
        outcomes = {label: list(ends.values()) for label, ends in self._outcomes(before).items()}
        sign = self._sign(self._records(before).values())
        courses = {label: list(self._courses(label, count, sign)) for label, count in before.items()}
        rule = learn_rule(courses, outcomes, self.plan.baseline, self.plan.measure, sign)
        if rule is None:
            print("no run is stopped: too few have periodic values, or one of the best arm has diverged", flush=True)
            return
        print(f"runs stop that cannot reach {rule.limit:.4g}, which is near {rule.against}", flush=True)
        for label in stoppable(courses, rule):
            for seed in range(before[label], asked[label]):
                _, folder = self._folders[label, seed]
                if not folder.config_file.exists():  # a run keeps its rule, or that it has none
                    write_rule(folder, rule)

    def _courses(self, label: str, count: int, sign: float) -> Iterator[Course]:
        """Yield what the finished runs among the first seeds of an arm have measured, smaller is better."""
        for _, folder in (self._folders[label, seed] for seed in range(count)):
            record = folder.record()
            curve = read_metrics(folder).curves().get(self.plan.measure)
            if record.get("status") == "finished" and curve is not None:
                shares = curve.images / value_of(record, "budget.images")
                course = Course(shares, sign * curve.values, sign * self._value(record))
                if np.isfinite(course.values).all() and math.isfinite(course.final):
                    yield course

    def _outcomes(self, asked: dict[str, int]) -> dict[str, dict[int, float]]:
        """Return the score of each run that has one, smaller is better; a diverged run is infinitely bad."""
        records = self._records(asked)
        values = {key: self._value(record) for key, record in records.items() if record.get("status") == "finished"}
        sign = self._sign(records.values())
        outcomes: dict[str, dict[int, float]] = {label: {} for label in asked}
        for (label, seed), record in records.items():
            if record.get("status") == "diverged":
                outcomes[label][seed] = math.inf
            elif record.get("status") == "stopped":
                outcomes[label][seed] = AtBest(sign * record["stopped"]["bound"])
            elif (label, seed) in values:
                value = sign * values[label, seed]
                outcomes[label][seed] = value if math.isfinite(value) else math.inf
        return outcomes

    def _records(self, asked: dict[str, int]) -> dict[tuple[str, int], dict[str, Any]]:
        return {
            (label, seed): self._folders[label, seed][1].record() for label in asked for seed in range(asked[label])
        }

    def _sign(self, records: Iterable[dict[str, Any]]) -> float:
        finished = [record for record in records if record.get("status") == "finished"]
        known = {higher_is_better(record, self.plan.measure) for record in finished} - {None}
        if self._better == "known" and finished and len(known) != 1:
            text = f"no record says whether higher {self.plan.measure} is better"
            raise ConfigError(f"hydra.sweeper.better: {text}; set it to lower or higher")
        return -1.0 if self._better == "higher" or (self._better == "known" and True in known) else 1.0

    def _value(self, record: dict[str, Any]) -> float:
        values = scores(record, "best" if self.plan.score == "best" else "final")
        value = values.get(self.plan.measure)
        if value is None:
            known = ", ".join(map(str, values)) or "nothing"
            raise ConfigError(
                f"hydra.sweeper.measure: a finished run has no {self.plan.score} {self.plan.measure!r} ({known})"
            )
        return float(value)


def _in_words(interim: Interim, count: int) -> str:
    settled = [f"{first} is {word} than {second}" for (first, second), word in interim.verdicts.items()]
    settled = [
        text.replace("equivalent than", "equivalent to").replace("call than", "call against") for text in settled
    ]
    rest = f"open: {first_few(interim.open, 7, last=' and ')}" if interim.open else "nothing is open"
    return f"after {count} seeds: {'; '.join([*settled, rest])}"
