"""Hyperparameter search with Optuna whose trials are runs.

All state is in the storage and in the run folders, so a search that is killed at any moment continues as if it had not
been: the sampler is created anew for each trial, seeded by the trial's number, and a trial without a result continues
in its folder.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gan_experiments.core.text import key_of
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import NON_RESULT_KEYS
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import read_metrics
from gan_experiments.runs.results import scores
from gan_experiments.sweeps.options import FolderOf
from gan_experiments.sweeps.search.options import COSTS, SearchConfig
from gan_experiments.sweeps.search.space import Space

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial

RETRIES = "retries"  # attribute of a trial: the number of the failed trial that it repeats


class Candidate:
    """A trial without a result yet, which is a job of the sweep.

    Attributes:
        trial: The Optuna trial.
        overrides: Overrides of the job.
        folder: Folder of its run.
        pruned: Whether it has been asked to stop.
    """

    def __init__(self, trial: Trial, overrides: list[str], folder: RunFolder) -> None:
        self.trial = trial
        self.overrides = overrides
        self.folder = folder
        self.pruned = False
        self._reported = set(trial.study.trials[trial.number].intermediate_values)

    def report(self, measure: str) -> str:
        """Report new periodic evaluations to Optuna; return why the pruner would stop the run, or an empty text."""
        try:
            curve = read_metrics(self.folder).curves().get(measure)
        except ConfigError:
            return ""
        every = self.folder.read_config()["metrics"]["every"] if curve else 1
        for images, value in zip(curve.images, curve.values, strict=True) if curve else ():
            step = int(images // every * every)  # the same in trials with different batch sizes
            if step in self._reported or math.isnan(value):
                continue
            self._reported.add(step)
            self.trial.report(float(value), step)
            if self.trial.should_prune():
                return f"{measure} {value:.4g} at {int(images):,} images, worse than the median of the earlier trials"
        return ""


class OptunaSearch:
    """An Optuna study of one search space, objective and set of fixed overrides.

    Args:
        name: Name of the study in the storage, one of the arms of ``space``.
        space: The search space.
        config: How to search.
        storage: The Optuna storage.
        folder_of: Returns the run folder of a job's overrides.

    Raises:
        ConfigError: The storage holds a study of that name with another space or objective, or it is not known whether
            higher values of an objective are better.
    """

    def __init__(
        self, name: str, space: Space, config: SearchConfig, storage: BaseStorage, folder_of: FolderOf
    ) -> None:
        import optuna

        self.name = name
        self.config = config
        self.higher = config.directions()
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
        self._refuse_another_problem()
        self._cut_off: list[Candidate] = []
        for frozen in self._study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            candidate = self._candidate(optuna.trial.Trial(self._study, frozen._trial_id))
            if not self.settle(candidate):
                self._cut_off.append(candidate)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials except those that have been repeated."""
        retried = {trial.user_attrs.get(RETRIES) for trial in self._study.trials}
        return [trial for trial in self._study.trials if trial.number not in retried]

    @property
    def best(self) -> list[FrozenTrial]:
        """The best trial, or with several objectives the Pareto-optimal ones, sorted by the first objective."""
        best = [trial for trial in self._study.best_trials if all(map(math.isfinite, trial.values))]
        return sorted(best, key=lambda trial: trial.values[0], reverse=self.higher[0])

    def retry_failed(self) -> None:
        """Enqueue the failed trials again."""
        for trial in self.trials:
            if trial.state.name == "FAIL":
                self._study.enqueue_trial(trial.params, user_attrs={RETRIES: trial.number})

    def next(self) -> Candidate | None:
        """Return the next trial: one that was cut off, one to repeat, or a new one; ``None`` if there is none left."""
        if self._cut_off:
            return self._cut_off.pop(0)
        trials = self.trials
        if len(trials) >= self.config.n_trials and all(trial.state.name != "WAITING" for trial in trials):
            return None
        self._study.sampler = _sampler(self.config, len(self._study.trials))
        return self._candidate(self._study.ask())

    def watch(self, candidate: Candidate) -> None:
        """Ask a run to stop if the pruner would stop it."""
        if self.config.pruner == "none" or candidate.pruned:
            return
        if reason := candidate.report(self.config.objectives[0]):
            candidate.pruned = True
            candidate.folder.ask_to_stop(reason)

    def settle(self, candidate: Candidate, launched: bool = False) -> bool:
        """Report the result of a run to Optuna; a diverged run counts as infinitely bad, so that the sampler avoids it.

        Returns:
            Whether the run has ended; if not, the trial stays open.

        Raises:
            ConfigError: A finished run has no value of an objective.
        """
        from optuna.trial import TrialState

        record = candidate.folder.record()
        status = record.get("status", "failed" if launched else "missing")
        if status not in ("finished", "diverged", "pruned", "failed"):
            return False
        trial = candidate.trial
        values = [self._value(record, index) for index in range(len(self.higher))] if status == "finished" else None
        if status == "diverged":
            values = [-math.inf if higher else math.inf for higher in self.higher]
        while self.config.pruner != "none" and status != "pruned" and candidate.report(self.config.objectives[0]):
            pass  # later evaluations count for the median of other trials
        reason = record.get("reason") or ("" if record else "the job left no record")
        for key, value in {"folder": candidate.folder.path.name, "status": status, "reason": reason}.items():
            trial.set_user_attr(key, value)
        state = {"pruned": TrialState.PRUNED, "failed": TrialState.FAIL}.get(status, TrialState.COMPLETE)
        self._study.tell(trial, values, state)
        candidate.folder.stop_file.unlink(missing_ok=True)  # of a run that has ended by itself before it was read
        return True

    def _candidate(self, trial: Trial) -> Candidate:
        drawn = [f"{key}={values.draw(trial, key)}" for key, values in self._space.drawn.items()]
        overrides = [*self._lines, *drawn]
        trial.set_user_attr("overrides", overrides)
        return Candidate(trial, overrides, RunFolder(self._folder_of(overrides)))

    def _value(self, record: Mapping[str, Any], index: int) -> float:
        name, score = self.config.objectives[index], self.config.score
        values = {cost: record.get(cost) for cost in COSTS} | scores(record, score)
        value = values.get(name)
        if not isinstance(value, (int, float)):
            known = ", ".join(str(key) for key, value in values.items() if value is not None)
            raise ConfigError(f"hydra.sweeper.objectives: a finished run has no {score} {name!r} ({known})")
        worst = -math.inf if self.higher[index] else math.inf
        return worst if math.isnan(value) else float(value)

    def _refuse_another_problem(self) -> None:
        """Refuse to add trials that are not comparable with the earlier ones."""
        fixed = [line for line in self._lines if key_of(line) not in NON_RESULT_KEYS]
        problem = {f"{key}={values}" for key, values in self._space.drawn.items()} | set(fixed)
        directions = ("minimize", "maximize")
        wanted = [f"{directions[up]} {name}" for name, up in zip(self.config.objectives, self.higher, strict=True)]
        problem |= {f"objectives: {', '.join(wanted)}", f"score={self.config.score}"}
        saved = self._study.user_attrs.get("problem")
        if saved is None:
            self._study.set_user_attr("problem", sorted(problem))
            return
        if set(saved) == problem:
            return
        lines = [f"{line}: in the existing search, not here" for line in sorted(set(saved) - problem)]
        lines += [f"{line}: here, not in the existing search" for line in sorted(problem - set(saved))]
        raise ConfigError([*lines, "a search keeps its space and objectives: another hydra.sweep.dir starts another"])


def _sampler(config: SearchConfig, number: int) -> BaseSampler:
    """Return the sampler of one trial; the searches of several arms start with the same draws."""
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
