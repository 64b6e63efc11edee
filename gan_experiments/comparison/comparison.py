"""Compares the arms of a study: collected runs in, ranking, tests and warnings out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from gan_experiments.comparison.arms import ArmResult, Criterion, Score, arm_result, outcomes
from gan_experiments.comparison.collect import CollectedRun, Study, collect, collect_runs, with_evaluation
from gan_experiments.comparison.common_budget import at_common_budget
from gan_experiments.comparison.comparability import check_provenance, warnings
from gan_experiments.comparison.design import Design, lay_out
from gan_experiments.comparison.pairs import PairResult, compare_arms, pairs_to_test
from gan_experiments.comparison.published import PublishedResult, against_published, read_published
from gan_experiments.comparison.sequential import Plan, read_plan
from gan_experiments.config.arguments import checked
from gan_experiments.core.dotted import value_of
from gan_experiments.core.text import first_few, nearest, show, suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.find import find_runs
from gan_experiments.runs.results import higher_is_better, scores

Direction = Literal["known", "lower", "higher"]
StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        design: Arms, and what varies within and between them.
        study: The runs, and the folders that were left out.
        criterion: What runs are compared by.
        threshold: The value whose first reaching is timed, as logged; NaN if there is none.
        baseline: The arm that the others are compared with, if one was named.
        arms: Best first.
        pairs: The tested pairs: with the baseline, of all arms, or with the best arm.
        family: How many comparisons the correction counts.
        warnings: One line each.
        evaluation: The evaluation that the values are from; ``None``: those of the runs themselves.
        plan: That of a sequential study, whose looks the tests and intervals allow for.
        published: Published values against those of the arms; empty if none were asked for.
    """

    design: Design
    study: Study
    criterion: Criterion
    threshold: float
    baseline: str | None
    arms: list[ArmResult]
    pairs: list[PairResult]
    family: int
    warnings: list[str]
    evaluation: str | None = None
    plan: Plan | None = None
    published: Sequence[PublishedResult] = ()

    @property
    def runs(self) -> list[CollectedRun]:
        """The runs of all arms, those of the best first."""
        return [run for arm in self.arms for run in arm.arm.runs.values()]

    def __repr__(self) -> str:
        from gan_experiments.comparison.report.wording import verdict

        return "\n".join(verdict(self))

    def _repr_html_(self) -> str:
        from gan_experiments.comparison.report.html import fragment

        return fragment(self)


@checked
def compare(
    study: Study | StrPath | Iterable[StrPath] | None = None,
    *,
    runs: str | Iterable[str] | None = None,
    factor: str | Sequence[str] | None = None,
    baseline: str | None = None,
    measure: str | None = None,
    score: Score = "final",
    evaluation: str | None = None,
    better: Direction = "known",
    threshold: float | None = None,
    allow_incomparable: bool = False,
    published: str | None = None,
) -> Comparison:
    """Compare the arms of a study; runs that were made longer at the largest budget that all have a result at.

    Args:
        study: The folder above the runs, several runs or run folders, or runs collected from them.
        runs: Instead of ``study``: run folders, folders above some, or patterns: ``outputs/*/digits-*``.
        factor: The config group or key, or several, whose values are the arms; ``None``: what varies besides the seed.
        baseline: The arm that the others are compared with; ``None``: all pairs, or that of a sequential study's plan.
        measure: Name of the measure in the log; ``None``: the first of the published ones, or ``fid``.
        score: ``final``: the final evaluation; ``best``: the best periodic evaluation.
        evaluation: Name of an evaluation that ``gan-evaluate`` has made of all runs; ``None``: those of the runs.
        better: Whether lower or higher values are better; ``known``: as the records of the runs say.
        threshold: The value whose first reaching is timed; ``None``: the median best score of the baseline, or of the
            arm where it is worst.
        allow_incomparable: Compare values although they were not measured in the same way.
        published: A table of ``reproductions/``, or a YAML file like those, to put beside the measured values.

    Raises:
        ConfigError: Not one of ``study`` and ``runs`` is given, no run can be read, a run lacks the evaluation,
            the factor does not vary, the baseline is not an arm, no run has logged the measure or says whether higher
            is better, or it was not measured in the same way in all runs; the published table cannot be read, or names
            no arm; or runs were stopped, and another score than they were stopped by is asked for.
    """
    table = None if published is None else read_published(published)
    measure = measure or next((name for arm in (table.arms.values() if table else ()) for name in arm.values), "fid")
    plan = read_plan(Path(study).expanduser()) if isinstance(study, (str, os.PathLike)) else None
    study, notes = _as_compared(_collected(study, runs), factor, evaluation, score)
    design = lay_out(study.runs, factor)
    collected = [run for arm in design.arms for run in arm.runs.values()]
    _refuse_unknown_measure(collected, measure)
    measured = _measured(collected, measure, score)
    _refuse_stopped(collected, measure, score, evaluation, better)
    notes += check_provenance(measured, measure, allow_incomparable)
    criterion = Criterion(measure, score, _direction(measured, measure) if better == "known" else better == "higher")
    baseline = _planned_baseline(plan, design) if baseline is None else baseline
    _refuse_unknown_baseline(design, baseline)
    level = _threshold(design, criterion, baseline, threshold)
    arms = sorted((arm_result(arm, criterion, level) for arm in design.arms), key=lambda arm: arm.rank)
    chosen, family = pairs_to_test(arms, baseline)
    if plan is not None and design.within:
        varying = ", ".join(design.within)
        notes.append(f"the study was sequential, but {varying} vary in an arm: its looks are not allowed for")
        plan = None
    pairs = compare_arms(chosen, family, criterion.sign, plan)
    notes += warnings(design, arms, study)
    reached = criterion.sign * level
    beside = against_published(table, arms) if table else []
    return Comparison(design, study, criterion, reached, baseline, arms, pairs, family, notes, evaluation, plan, beside)


def _collected(study: Study | StrPath | Iterable[StrPath] | None, runs: str | Iterable[str] | None) -> Study:
    if study is None or runs is not None:
        if study is not None or runs is None:
            problem = "missing" if study is None else "given together with runs"
            raise ConfigError(f"study: {problem}; give the folder of a study, or runs='outputs/*/digits-*'")
        study = [run.path for run in find_runs([runs] if isinstance(runs, str) else runs)]
    if isinstance(study, Study):
        return study
    if isinstance(study, (str, os.PathLike)):
        return collect(study)
    listed: Any = list(study) if isinstance(study, Iterable) else [None]
    if not all(isinstance(run, (str, os.PathLike)) for run in listed):
        raise ConfigError(f"study: {show(study)} is neither the folder of a study nor a list of runs or run folders")
    return collect_runs(listed)


def _as_compared(
    study: Study, factor: str | Sequence[str] | None, evaluation: str | None, score: Score
) -> tuple[Study, list[str]]:
    """Return a study at its common budget, with the values of an evaluation made afterwards if one is named; warnings.

    Raises:
        ConfigError: A run lacks the evaluation, or has one value of it where another score is asked for.
    """
    study, notes = at_common_budget(study, factor, evaluation)
    if evaluation is None:
        return study, notes
    if score != "final":
        raise ConfigError(f"score: {evaluation} is one evaluation, of which there is no {score}; set score=final")
    return with_evaluation(study, evaluation), notes


def _planned_baseline(plan: Plan | None, design: Design) -> str | None:
    """Return the baseline of a sequential study's plan, if it is among the arms."""
    return plan.baseline if plan is not None and plan.baseline in [arm.label for arm in design.arms] else None


def _refuse_unknown_measure(runs: Sequence[CollectedRun], measure: str) -> None:
    known = {key for run in runs for key in run.curves} | {key for run in runs for key in scores(run.record)}
    if measure not in known:
        raise ConfigError(f"measure: no run has logged {measure!r}{suggest(measure, known, listed=True)}")


def _direction(runs: Sequence[CollectedRun], measure: str) -> bool:
    directions = {higher_is_better(run.record, measure) for run in runs} - {None}
    if len(directions) != 1:
        reason = "runs disagree on" if directions else "no record says"
        raise ConfigError(f"measure: {reason} whether higher {measure} is better; set better=lower or better=higher")
    return bool(directions.pop())


def _measured(runs: Sequence[CollectedRun], measure: str, score: Score) -> list[CollectedRun]:
    criterion = Criterion(measure, score, higher_is_better=False)  # whichever it is, values are there or not
    measured = [run for run in runs if run.status == "finished" and criterion.outcome(run) is not None]
    if not measured:
        statuses = ", ".join(sorted({run.status for run in runs}))
        raise ConfigError(f"measure: no run has a {score} {measure} ({len(runs)} runs, {statuses})")
    return measured


def _refuse_stopped(
    runs: Sequence[CollectedRun], measure: str, score: Score, evaluation: str | None, better: Direction
) -> None:
    """Refuse scores of which nothing is known of stopped runs; to leave those out would favour their arms."""
    stopped = [run for run in runs if run.status == "stopped"]
    by = {value_of(run.record, "stopped.measure") for run in stopped}
    opposite = {"lower": True, "higher": False}.get(better)
    asked = {
        "measure": by != {measure},
        "score": score != "final",
        "evaluation": evaluation is not None,
        "better": opposite in {higher_is_better(run.record, measure) for run in runs} - {None},
    }
    if stopped and (key := next((key for key, unknown in asked.items() if unknown), None)):
        names = first_few([run.name for run in stopped], 3)
        text = f"{len(stopped)} runs were stopped by their {' and '.join(sorted(map(str, by)))} ({names})"
        raise ConfigError(f"{key}: {text}; nothing else is known of them than a bound on its final value")


def _refuse_unknown_baseline(design: Design, baseline: str | None) -> None:
    labels = [arm.label for arm in design.arms]
    if baseline is not None and baseline not in labels:
        if not design.factors:
            count = sum(len(arm.runs) for arm in design.arms)
            text = f"the {count} runs here differ in nothing but the seed" if count > 1 else "there is only one run"
            raise ConfigError(f"baseline: no arm is called {baseline!r}: {text}, so there is nothing to compare")
        near = nearest(baseline, labels)
        hint = f"; did you mean {near!r}?" if near else ""
        raise ConfigError(f"baseline: no arm is called {baseline!r}{hint} ({', '.join(labels)})")


def _threshold(design: Design, criterion: Criterion, baseline: str | None, asked: float | None) -> float:
    """Return the value to reach, smaller is better: by default the worst median of the arms' best scores."""
    if asked is not None:
        return criterion.sign * asked
    best = [outcomes(arm, criterion, "best").values() for arm in design.arms if baseline in (None, arm.label)]
    medians = [median(values) for values in best if values]
    return max(filter(math.isfinite, medians), default=math.nan)
