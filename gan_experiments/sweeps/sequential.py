"""Options of a sequential study: ``hydra.sweeper`` when seeds are added in rounds, and the arms it compares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal

from annotated_types import Interval
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser

from gan_experiments.config.compose import CommandLine
from gan_experiments.core.checks import Problem
from gan_experiments.core.types import PositiveFloat
from gan_experiments.sweeps.options import KEY, SweeperOptions

Seeds = Annotated[int, Interval(ge=2, le=1000)]
Rounds = Annotated[int, Interval(ge=1, le=50)]


@dataclass
class SequentialConfig(SweeperOptions):
    """Config of a sequential study; ``conf/hydra/sweeper/sequential.yaml`` says what each key means."""

    baseline: str | None
    max_seeds: Seeds
    first_seeds: Seeds
    rounds: Rounds
    smallest_difference: PositiveFloat | None
    futility: Annotated[float, Interval(ge=0, le=0.5)]
    stop_within_runs: bool
    measure: str
    score: Literal["final", "best"]
    better: Literal["known", "lower", "higher"]

    def problems(self, overrides: Sequence[str], loader: ConfigLoader | None = None) -> Iterator[Problem]:
        """Yield which options contradict each other, and what is wrong with the arms."""
        if self.first_seeds > self.max_seeds:
            text = f"{self.first_seeds} are more than the {self.max_seeds} of {KEY}.max_seeds"
            yield Problem(f"{KEY}.first_seeds", text)
        if self.stop_within_runs and self.score != "final":
            yield Problem(f"{KEY}.stop_within_runs", "a stopped run has no best score to compare; set score=final")
        if self.stop_within_runs and self.rounds == 1:
            yield Problem(f"{KEY}.stop_within_runs", "the first round teaches when to stop; set rounds to 2 or more")
        try:
            _, arms = read_arms(self.lines(overrides), loader)
        except ValueError as error:
            yield Problem("", str(error))
            return
        if self.baseline is not None and self.baseline not in arms:
            yield Problem(f"{KEY}.baseline", f"no arm is called {self.baseline!r} ({', '.join(arms)})")


def looks(first: int, most: int, rounds: int) -> tuple[int, ...]:
    """Return the seeds of an arm after each round: from ``first`` to ``most``, by about the same factor."""
    steps = max(1, rounds - 1)
    grown = {round(first * (most / first) ** (step / steps)) for step in range(rounds)}
    return tuple(sorted(grown | {most}))[-rounds:]


def read_arms(lines: Sequence[str], loader: ConfigLoader | None = None) -> tuple[list[str], dict[str, list[str]]]:
    """Return the overrides that all arms share, and those of each, by its label: its values, joined by ``/``.

    Raises:
        ValueError: Nothing varies but the seed, or a key has no single values.
    """
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(lines))
    fixed, swept = [], {}
    for key, override in {override.get_key_element(): override for override in overrides}.items():
        if key.lstrip("+") == "seed":
            continue
        if key.lstrip("+") == "name":
            raise ValueError("name: every run needs its own folder; leave it out")
        if not override.is_sweep_override():
            fixed.append(key if override.is_delete() else f"{key}={override.get_value_element_as_str()}")
        elif override.is_interval_sweep():
            raise ValueError(f"{key}: an interval has no single values to compare")
        else:
            swept[key] = list(dict.fromkeys(override.sweep_string_iterator()))
    arms = {
        "/".join(chosen): list(map("=".join, zip(swept, chosen, strict=True))) for chosen in product(*swept.values())
    }
    if len(arms) < 2:
        raise ValueError("nothing to compare: give a key or a group several values, such as loss=hinge,wasserstein")
    return fixed, arms


def is_sequential(line: CommandLine) -> bool:
    """Tell whether the sweeper of a command line is the one that adds seeds in rounds."""
    return line.sweeper == "SequentialSweeper"


def most_runs(line: CommandLine) -> int:
    """Return how many runs a sequential study has at most."""
    sizes = [len(change.values) for change in line.changes if change.key != "seed" and change.values]
    return int(line.hydra.sweeper.max_seeds) * math.prod(sizes)
