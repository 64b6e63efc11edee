"""What ``hydra.sweeper`` holds when Optuna chooses the jobs; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from gan_experiments.config.check import check_values
from gan_experiments.config.slots import Section
from gan_experiments.config.targets import TARGET
from gan_experiments.core.checks import Problem
from gan_experiments.core.types import NonNegativeInt, PositiveInt
from gan_experiments.sweeps.search.space import read_space

# What a record notes of a run besides its figures, with whether more of it is better.
COSTS = {"images_per_second": True, "seconds": False, "peak_memory_bytes": False}


@dataclass
class SearchConfig(Section):
    """The search.

    Attributes:
        n_trials: Of each search; the same command goes on to this number in total.
        n_jobs: Trials at a time; ``None``: as many as joblib runs, otherwise one.
        objectives: Measures, and costs of the record (``images_per_second``, ``seconds``, ``peak_memory_bytes``).
        figure: ``final``: at the end, in full; ``best``: of the rows along the run.
        maximize: Objectives of which more is better, besides those of which that is known.
        per: Keys of which each value gets a search of its own: its trials and its result.
        sampler: ``tpe``: the tree-structured Parzen estimator; ``random``: independent draws.
        startup_trials: Drawn at random before the estimator begins, and never pruned.
        pruner: ``median``: stop a run whose best row so far is worse than the median run's at the same clock.
        warmup_images: Images before which no run is pruned.
        seed: Of the draws; trial number k is a function of this, k and the outcomes of the trials before it.
        storage: A database's URL, such as ``sqlite:///search.db``; ``None``: a journal in the study's folder.
        params: What is searched, as in sweeps on the command line, which override it.
    """

    n_trials: PositiveInt
    n_jobs: PositiveInt | None
    objectives: list[str]
    figure: Literal["final", "best"]
    maximize: list[str]
    per: list[str]
    sampler: Literal["tpe", "random"]
    startup_trials: NonNegativeInt
    pruner: Literal["median", "none"]
    warmup_images: NonNegativeInt
    seed: NonNegativeInt
    storage: str | None
    params: dict[str, Any]

    def lines(self, overrides: Sequence[str]) -> list[str]:
        """Return what is searched and what is fixed as overrides, those of the command line last."""
        return [*(f"{key}={value}" for key, value in self.params.items()), *overrides]

    def problems(self) -> list[tuple[str, str]]:
        """Return what does not go together, as keys and reasons."""
        found = []
        if not self.objectives:
            found.append(("objectives", "missing: a measure such as fid"))
        if len(set(self.objectives)) < len(self.objectives):
            found.append(("objectives", "names an objective twice"))
        if self.pruner != "none" and len(self.objectives) > 1:
            found.append(("pruner", "goes by one curve; with several objectives say hydra.sweeper.pruner=none"))
        elif self.pruner != "none" and self.objectives and self.objectives[0] in COSTS:
            found.append(("pruner", f"{self.objectives[0]} has no curve to go by; say hydra.sweeper.pruner=none"))
        return found


def search_config(node: Mapping[str, Any]) -> SearchConfig:
    """Return the config of a search from Hydra's node of the sweeper, checked before."""
    return SearchConfig(**{key: value for key, value in node.items() if key != "_target_"})


def search_problems(sweeper: DictConfig, overrides: Sequence[str], loader: ConfigLoader) -> Iterator[Problem]:
    """Yield what is wrong with the options of a search and with what it is to draw from.

    Args:
        sweeper: Hydra's node of the sweeper.
        overrides: Of the command line.
        loader: Hydra's, which knows the options of groups.
    """
    checked = check_values(sweeper, SearchConfig)
    problems = [problem for problem in checked.problems if problem.key != TARGET]
    yield from (problem._replace(key=f"hydra.sweeper.{problem.key}") for problem in problems)
    if problems:
        return
    config = search_config(checked.config)
    yield from (Problem(f"hydra.sweeper.{key}", reason) for key, reason in config.problems())
    try:
        read_space(config.lines(overrides), config.per, loader)
    except ValueError as error:
        yield Problem("", str(error))
