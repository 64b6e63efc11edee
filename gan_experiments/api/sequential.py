"""Runs a sequential study: rounds of seeds for the arms still in question, with a comparison after each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from gan_experiments.comparison.arms import Criterion
from gan_experiments.comparison.collect import CollectedRun, read_run
from gan_experiments.comparison.sequential import Interim, Plan, keep_plan, look_at
from gan_experiments.comparison.statistics import CLOSE, EQUIVALENT
from gan_experiments.comparison.stopping import Course, learn_rule, stoppable
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.results import higher_is_better, scores
from gan_experiments.runs.stop_rule import write_rule
from gan_experiments.sweeps.job import is_settled
from gan_experiments.sweeps.options import FolderOf, Launch
from gan_experiments.sweeps.sequential import SequentialConfig, looks


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
        self._jobs: dict[tuple[str, int], tuple[list[str], RunFolder]] = {}
        for label, lines in arms.items():
            for seed in range(counts[-1]):
                job = [*fixed, *lines, f"seed={seed}"]
                self._jobs[label, seed] = job, RunFolder(folder_of(job))
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
            interim = look_at(self.plan, self._outcomes(self._runs(asked)))
            still_open = interim.open
            print(_in_words(interim, count, self.plan.looks[-1]), flush=True)
            if not still_open:
                break
        return interim

    def _round(self, asked: dict[str, int]) -> None:
        jobs = [self._jobs[label, seed] for label, count in asked.items() for seed in range(count)]
        pending = [lines for lines, folder in jobs if not is_settled(folder.record(), self._retry)]
        if pending:
            self._launch(pending)
        if any(not is_settled(folder.record(), retry=False) for _, folder in jobs):
            raise KeyboardInterrupt
        self._retry = False  # once

    def _write_rules(self, before: dict[str, int], asked: dict[str, int]) -> None:
        """Write into the folders of the next round when its runs are to stop, as the rounds before have taught."""
        runs = self._runs(before)
        criterion = self._criterion(runs)
        outcomes = {label: list(ends.values()) for label, ends in self._outcomes(runs).items()}
        courses = {label: list(_courses(each.values(), criterion)) for label, each in runs.items()}
        rule = learn_rule(courses, outcomes, self.plan.baseline, self.plan.measure, criterion.sign)
        if rule is None:
            print("no run is stopped: too few have periodic values, or one of the best arm has diverged", flush=True)
            return
        print(f"runs stop that cannot reach {rule.limit:.4g}, which is near {rule.against}", flush=True)
        for label in stoppable(courses, rule):
            for seed in range(before[label], asked[label]):
                _, folder = self._jobs[label, seed]
                if not folder.config_file.exists():  # a run keeps its rule, or that it has none
                    write_rule(folder, rule)

    def _runs(self, asked: dict[str, int]) -> dict[str, dict[int, CollectedRun]]:
        """Read the runs of the first seeds of each arm, all of which have ended, by seed, without those that failed.

        A run that failed may lack any of its files.
        """
        runs: dict[str, dict[int, CollectedRun]] = {label: {} for label in asked}
        for label, count in asked.items():
            for seed in range(count):
                _, folder = self._jobs[label, seed]
                if folder.record().get("status") != "failed":
                    runs[label][seed] = read_run(folder, folder.path.name)
        return runs

    def _outcomes(self, runs: Mapping[str, Mapping[int, CollectedRun]]) -> dict[str, dict[int, float]]:
        """Return the outcome of each run that has one, by seed: those that ``gan-compare`` compares."""
        criterion = self._criterion(runs)
        return {
            label: {seed: value for seed, run in each.items() if (value := criterion.outcome(run)) is not None}
            for label, each in runs.items()
        }

    def _criterion(self, runs: Mapping[str, Mapping[int, CollectedRun]]) -> Criterion:
        """Return what runs are compared by, of which all that have finished must have a value."""
        finished = [run for each in runs.values() for run in each.values() if run.status == "finished"]
        criterion = Criterion(self.plan.measure, self.plan.score, self._better == "higher")
        if lacking := [run for run in finished if criterion.outcome(run) is None]:
            has = ", ".join(scores(lacking[0].record) if criterion.score == "final" else lacking[0].curves)
            text = f"a finished run has no {criterion.score} {criterion.measure!r} ({has or 'nothing'})"
            raise ConfigError(f"hydra.sweeper.measure: {text}")
        known = {higher_is_better(run.record, criterion.measure) for run in finished} - {None}
        if self._better != "known" or not finished:
            return criterion
        if len(known) != 1:
            text = f"no record says whether higher {criterion.measure} is better"
            raise ConfigError(f"hydra.sweeper.better: {text}; set it to lower or higher")
        return criterion._replace(higher_is_better=True in known)


def _courses(runs: Iterable[CollectedRun], criterion: Criterion) -> Iterator[Course]:
    """Yield what the finished runs of an arm have measured, smaller is better."""
    for run in runs:
        values, final = criterion.periodic(run), criterion.outcome(run)
        if run.status != "finished" or values is None or final is None:
            continue
        if np.isfinite([*values, final]).all():
            yield Course(run.curves[criterion.measure].images / run.budget, values, final)


def _in_words(interim: Interim, count: int, most: int) -> str:
    groups: dict[tuple[str, str], list[str]] = {}
    for (one, other), word in interim.verdicts.items():
        groups.setdefault((word, other), []).append(one)
    joined = {EQUIVALENT: "to", CLOSE: "against"}
    settled = []
    for (word, other), arms in groups.items():
        verb = "is" if len(arms) == 1 else "are"
        settled.append(f"{first_few(arms, 7, last=' and ')} {verb} {word} {joined.get(word, 'than')} {other}")
    rest = "undecided" if count == most else "open"  # nothing follows the last round
    rest = f"{rest}: {first_few(interim.open, 7, last=' and ')}" if interim.open else "nothing is open"
    return f"after {count} seeds: {'; '.join([*settled, rest])}"
