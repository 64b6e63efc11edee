"""A search with Optuna whose trials are runs: what to try next, and what has come of it.

All there is to know is in the storage and in the run folders, so a search that is killed anywhere goes on as if it had
not been: the sampler is made anew for each trial, seeded by the trial's number, and a trial that was asked for and not
told goes on in its folder.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_experiments.compare.collect import HIGHER, DamagedError, read_curves
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import NON_RESULT_KEYS, RunFolder
from gan_experiments.sweeps.search.options import COSTS, SearchConfig
from gan_experiments.sweeps.search.space import Space

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial

FolderOf = Callable[[Sequence[str]], Path]
RETRIES = "retries"  # the number of the failed trial that a trial tries again


class Candidate:
    """A trial on its way, which is a job of the sweep.

    Attributes:
        trial: Optuna's.
        overrides: Of the job.
        folder: The run's.
        pruned: Whether it has been asked to stop.
    """

    def __init__(self, trial: Trial, overrides: list[str], folder: RunFolder) -> None:
        self.trial = trial
        self.overrides = overrides
        self.folder = folder
        self.pruned = False
        self._reported = set(trial.study.trials[trial.number].intermediate_values)

    def report(self, measure: str) -> str:
        """Report the rows that the run has added, up to one after which the pruner would stop it; say why it would."""
        try:
            curve = read_curves(self.folder).get(measure)
        except DamagedError:
            return ""
        every = self.folder.read_config()["metrics"]["every"] if curve else 1
        for images, value in zip(curve.images, curve.values, strict=True) if curve else ():
            step = int(images // every * every)  # the same in trials whose batches differ
            if step in self._reported or math.isnan(value):
                continue
            self._reported.add(step)
            self.trial.report(float(value), step)
            if self.trial.should_prune():
                return f"{measure} {value:.4g} at {int(images):,} images, behind the median of the trials before"
        return ""


class Search:
    """The trials that answer one question, such as: which learning rate for this loss?

    Args:
        name: Of the search within its storage.
        space: What is fixed, drawn, and told apart; ``name`` is one of its arms.
        config: How to search.
        storage: Optuna's.
        folder_of: Where the run of a job lies.

    Raises:
        ConfigError: The storage holds a search of that name for something else.
    """

    def __init__(
        self, name: str, space: Space, config: SearchConfig, storage: BaseStorage, folder_of: FolderOf
    ) -> None:
        import optuna

        self.name = name
        self.config = config
        self.higher = [is_higher(objective, config) for objective in config.objectives]
        self._lines = [*space.fixed, *space.arms[name]]
        self._space = space
        self._folder_of = folder_of
        self._study = optuna.create_study(
            study_name=name,
            storage=storage,
            directions=["maximize" if higher else "minimize" for higher in self.higher],
            pruner=_pruner(config),
            load_if_exists=True,
        )
        self._keep_to_the_question()
        self._cut_off: list[Candidate] = []
        for frozen in self._study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            candidate = self._candidate(optuna.trial.Trial(self._study, frozen._trial_id))
            if not self.settle(candidate):
                self._cut_off.append(candidate)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials but those that have been tried again."""
        retried = {trial.user_attrs.get(RETRIES) for trial in self._study.trials}
        return [trial for trial in self._study.trials if trial.number not in retried]

    @property
    def best(self) -> list[FrozenTrial]:
        """The best trial, or with several objectives those that no other one beats in all, best first by the first."""
        found = [trial for trial in self._study.best_trials if all(map(math.isfinite, trial.values))]
        return sorted(found, key=lambda trial: trial.values[0], reverse=self.higher[0])

    def retry_failed(self) -> None:
        """Put the failed trials into the queue again."""
        for trial in self.trials:
            if trial.state.name == "FAIL":
                self._study.enqueue_trial(trial.params, user_attrs={RETRIES: trial.number})

    def next(self) -> Candidate | None:
        """Return the next trial: one that was cut off, one to be tried again, or a new one; ``None``: all are made."""
        if self._cut_off:
            return self._cut_off.pop(0)
        trials = self.trials
        if len(trials) >= self.config.n_trials and all(trial.state.name != "WAITING" for trial in trials):
            return None
        self._study.sampler = _sampler(self.config, len(self._study.trials))
        return self._candidate(self._study.ask())

    def watch(self, candidate: Candidate) -> None:
        """Ask a run to stop if its curve says that it is not worth the rest of the budget."""
        if self.config.pruner == "none" or candidate.pruned:
            return
        if reason := candidate.report(self.config.objectives[0]):
            candidate.pruned = True
            candidate.folder.ask_to_stop(reason)

    def settle(self, candidate: Candidate, launched: bool = False) -> bool:
        """Tell Optuna what has come of a run.

        A diverged run counts as the worst there can be, so that the sampler learns from it.

        Returns:
            Whether it has come to an end; if not, the trial stays open.

        Raises:
            ConfigError: A finished run has no figure of an objective.
        """
        from optuna.trial import TrialState

        record = candidate.folder.record()
        status = record.get("status", "failed" if launched else "missing")
        if status not in ("finished", "diverged", "pruned", "failed"):
            return False
        trial = candidate.trial
        values = [self._value(record, place) for place in range(len(self.higher))] if status == "finished" else None
        if status == "diverged":
            values = [-math.inf if higher else math.inf for higher in self.higher]
        while self.config.pruner != "none" and status != "pruned" and candidate.report(self.config.objectives[0]):
            pass  # what comes after counts for the median of others
        reason = record.get("reason") or ("" if record else "the job has left no record")
        for key, value in {"folder": candidate.folder.path.name, "status": status, "reason": reason}.items():
            trial.set_user_attr(key, value)
        state = {"pruned": TrialState.PRUNED, "failed": TrialState.FAIL}.get(status, TrialState.COMPLETE)
        self._study.tell(trial, values, state)
        return True

    def _candidate(self, trial: Trial) -> Candidate:
        drawn = [f"{key}={values.draw(trial, key)}" for key, values in self._space.drawn.items()]
        overrides = [*self._lines, *drawn]
        trial.set_user_attr("overrides", overrides)
        return Candidate(trial, overrides, RunFolder(self._folder_of(overrides)))

    def _value(self, record: Mapping[str, Any], place: int) -> float:
        name, figure = self.config.objectives[place], self.config.figure
        figures = {cost: record.get(cost) for cost in COSTS} | (record.get(figure) or {})
        value = figures.get(name)
        if not isinstance(value, (int, float)):
            known = ", ".join(str(key) for key, value in figures.items() if value is not None)
            raise ConfigError(f"hydra.sweeper.objectives: a finished run has no {figure} {name!r} ({known})")
        worst = -math.inf if self.higher[place] else math.inf
        return worst if math.isnan(value) else float(value)

    def _keep_to_the_question(self) -> None:
        """Refuse to mix trials that do not compare."""
        fixed = [line for line in self._lines if line.lstrip("+~").partition("=")[0] not in NON_RESULT_KEYS]
        question = {f"{key}={values}" for key, values in self._space.drawn.items()} | set(fixed)
        ways = ("the least", "the most")
        wanted = [f"{ways[higher]} {name}" for name, higher in zip(self.config.objectives, self.higher, strict=True)]
        question |= {f"objectives: {', '.join(wanted)}", f"figure={self.config.figure}"}
        asked = self._study.user_attrs.get("question")
        if asked is None:
            self._study.set_user_attr("question", sorted(question))
            return
        if set(asked) == question:
            return
        told = [f"{line}: in the search that is there, not here" for line in sorted(set(asked) - question)]
        told += [f"{line}: here, not in the search that is there" for line in sorted(question - set(asked))]
        raise ConfigError([*told, "a search keeps to its question: another hydra.sweep.dir begins another"])


def is_higher(objective: str, config: SearchConfig) -> bool:
    """Tell whether more of an objective is better."""
    known = objective.partition("/")[0] in HIGHER or COSTS.get(objective, False)
    return known or objective in config.maximize


def _sampler(config: SearchConfig, number: int) -> BaseSampler:
    """Return the sampler of one trial; searches for several arms begin with the same draws, as pairs."""
    from optuna.samplers import RandomSampler, TPESampler

    digest = hashlib.blake2b(f"{config.seed} {number}".encode(), digest_size=4).digest()
    seed = int.from_bytes(digest, "little")
    if config.sampler == "random":
        return RandomSampler(seed)
    return TPESampler(n_startup_trials=config.startup_trials, seed=seed)


def _pruner(config: SearchConfig) -> BasePruner:
    from optuna.pruners import MedianPruner, NopPruner

    if config.pruner == "none":
        return NopPruner()
    return MedianPruner(n_startup_trials=config.startup_trials, n_warmup_steps=config.warmup_images)
