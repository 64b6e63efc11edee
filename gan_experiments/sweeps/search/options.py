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
    """Config of a search; ``conf/hydra/sweeper/optuna.yaml`` says what each key means.

    The directions of measures that say theirs are added to ``better`` when the search starts.
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
