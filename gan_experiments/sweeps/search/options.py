"""Config of a search: ``hydra.sweeper`` when Optuna chooses the jobs. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from gan_experiments.config.check import check_values
from gan_experiments.config.kinds import Section
from gan_experiments.config.targets import TARGET
from gan_experiments.core.checks import Problem
from gan_experiments.core.text import suggest
from gan_experiments.core.types import ConfigError, NonNegativeInt, PositiveInt
from gan_experiments.sweeps.search.space import read_space

# Costs in the record of a run that can be objectives, with whether higher is better.
COSTS = {"images_per_second": True, "seconds": False, "peak_memory_bytes": False}


@dataclass
class SearchConfig(Section):
    """Config of a search.

    Attributes:
        n_trials: Trials of each search in total; the same command continues to this number.
        n_jobs: Concurrent trials; ``None``: as many as joblib runs, otherwise one.
        objectives: Measures, and costs of the record (``images_per_second``, ``seconds``, ``peak_memory_bytes``).
        score: ``final``: the final evaluation; ``best``: the best periodic evaluation.
        better: Whether lower or higher values are better, by objective; those of measures that say it are added when
            the search starts.
        per: Keys; each of their values gets a separate search with its own trials and result.
        sampler: ``tpe``: the tree-structured Parzen estimator; ``random``: independent draws.
        startup_trials: Trials drawn at random before the estimator is used, and never pruned.
        pruner: ``median``: stop a run whose best periodic evaluation so far is worse than the median of the earlier
            trials at the same number of images.
        warmup_images: Images seen before a run can be pruned.
        seed: Seed of the sampler; trial k is a function of this, k and the results of the trials before it.
        storage: URL of a database, such as ``sqlite:///search.db``; ``None``: a journal in the study's folder.
        params: What is searched, in the syntax of sweeps on the command line, which overrides it.
    """

    n_trials: PositiveInt
    n_jobs: PositiveInt | None
    objectives: list[str]
    score: Literal["final", "best"]
    better: dict[str, Literal["lower", "higher"]]
    per: list[str]
    sampler: Literal["tpe", "random"]
    startup_trials: NonNegativeInt
    pruner: Literal["median", "none"]
    warmup_images: NonNegativeInt
    seed: NonNegativeInt
    storage: str | None
    params: dict[str, Any]

    def lines(self, overrides: Sequence[str]) -> list[str]:
        """Return ``params`` and the overrides of the command line as overrides, in this order."""
        return [*(f"{key}={value}" for key, value in self.params.items()), *overrides]

    def directions(self) -> list[bool]:
        """Return whether higher is better, for each objective.

        Raises:
            ConfigError: It is not known for one of them.
        """
        costs = {name: "higher" if higher else "lower" for name, higher in COSTS.items()}
        better = {**costs, **self.better}
        known = [better.get(name, better.get(name.partition("/")[0])) for name in self.objectives]
        for name, direction in zip(self.objectives, known, strict=True):
            if direction is None:
                text = f"no measure says whether higher {name} is better{suggest(name, better, listed=True)}"
                fix = f"set 'hydra.sweeper.better={{{name}: lower}}' or higher"
                raise ConfigError(f"hydra.sweeper.objectives: {text}; {fix}")
        return [direction == "higher" for direction in known]

    def problems(self) -> list[tuple[str, str]]:
        """Return options that contradict each other, as keys and reasons."""
        problems = []
        if not self.objectives:
            problems.append(("objectives", "empty; name a measure such as fid"))
        if len(set(self.objectives)) < len(self.objectives):
            problems.append(("objectives", "names an objective twice"))
        if self.pruner != "none" and len(self.objectives) > 1:
            problems.append(("pruner", "needs a single objective; set hydra.sweeper.pruner=none"))
        elif self.pruner != "none" and self.objectives and self.objectives[0] in COSTS:
            problems.append(("pruner", f"cannot use the cost {self.objectives[0]}; set hydra.sweeper.pruner=none"))
        return problems


def search_config(node: Mapping[str, Any]) -> SearchConfig:
    """Return the config of a search from the node ``hydra.sweeper``, which has been checked."""
    return SearchConfig(**{key: value for key, value in node.items() if key != "_target_"})


def search_problems(sweeper: DictConfig, overrides: Sequence[str], loader: ConfigLoader) -> Iterator[Problem]:
    """Yield what is wrong with the options of a search and with what it is to draw from.

    Args:
        sweeper: Hydra's node of the sweeper.
        overrides: Of the command line.
        loader: Hydra's, which knows the options of groups.
    """
    checked = check_values(sweeper, SearchConfig)
    problems = [problem for problem in checked.errors if problem.key != TARGET]
    yield from (problem._replace(key=f"hydra.sweeper.{problem.key}") for problem in problems)
    if problems:
        return
    config = search_config(checked.config)
    yield from (Problem(f"hydra.sweeper.{key}", reason) for key, reason in config.problems())
    try:
        read_space(config.lines(overrides), config.per, loader)
    except ValueError as error:
        yield Problem("", str(error))
