"""Config of a search: ``hydra.sweeper`` when Optuna chooses the jobs. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hydra.core.config_loader import ConfigLoader

from gan_experiments.core.checks import Problem
from gan_experiments.core.text import suggest
from gan_experiments.core.types import ConfigError, NonNegativeInt, PositiveInt
from gan_experiments.sweeps.options import KEY, SweeperOptions
from gan_experiments.sweeps.search.space import read_space

# Costs in the record of a run that can be objectives, with whether higher is better.
COSTS = {"images_per_second": True, "seconds": False, "peak_memory_bytes": False}


@dataclass
class SearchConfig(SweeperOptions):
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
                fix = f"set '{KEY}.better={{{name}: lower}}' or higher"
                raise ConfigError(f"{KEY}.objectives: {text}; {fix}")
        return [direction == "higher" for direction in known]

    def problems(self, overrides: Sequence[str], loader: ConfigLoader | None = None) -> Iterator[Problem]:
        """Yield which options contradict each other, and what is wrong with what is to be drawn from."""
        if not self.objectives:
            yield Problem(f"{KEY}.objectives", "empty; name a measure such as fid")
        if len(set(self.objectives)) < len(self.objectives):
            yield Problem(f"{KEY}.objectives", "names an objective twice")
        if self.pruner != "none" and len(self.objectives) > 1:
            yield Problem(f"{KEY}.pruner", f"needs a single objective; set {KEY}.pruner=none")
        elif self.pruner != "none" and self.objectives and self.objectives[0] in COSTS:
            yield Problem(f"{KEY}.pruner", f"cannot use the cost {self.objectives[0]}; set {KEY}.pruner=none")
        try:
            read_space(self.lines(overrides), self.per, loader)
        except ValueError as error:
            yield Problem("", str(error))
