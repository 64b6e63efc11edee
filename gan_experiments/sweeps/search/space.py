"""Search space: the sweeps of Hydra's override grammar, read as distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

if TYPE_CHECKING:
    from optuna.trial import Trial

DIGITS = 4  # significant digits of a drawn number, so that the command that repeats a trial can be typed


@dataclass(frozen=True)
class Interval:
    """Uniform or log-uniform distribution over ``[low, high]``, of integers if both bounds are integers."""

    low: float
    high: float
    log: bool

    def draw(self, trial: Trial, key: str) -> str:
        """Draw a value, as text of an override."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return str(trial.suggest_int(key, self.low, self.high, log=self.log))
        drawn = trial.suggest_float(key, self.low, self.high, log=self.log)
        return repr(min(max(float(f"{drawn:.{DIGITS}g}"), self.low), self.high))

    def __str__(self) -> str:
        text = f"interval({self.low}, {self.high})"
        return f"tag(log, {text})" if self.log else text


@dataclass(frozen=True)
class Options:
    """Categorical distribution over values, each as text of an override."""

    values: tuple[str, ...]

    def draw(self, trial: Trial, key: str) -> str:
        """Draw a value, as text of an override."""
        return str(trial.suggest_categorical(key, self.values))

    def __str__(self) -> str:
        return f"choice({', '.join(self.values)})"


class Space(NamedTuple):
    """Search space of a command line.

    Attributes:
        fixed: Overrides that are the same in all trials.
        arms: Overrides that each separate search adds to them, by the search's name.
        drawn: Distribution of each searched key, sorted by key, so that the command line's order does not matter.
    """

    fixed: list[str]
    arms: dict[str, list[str]]
    drawn: dict[str, Interval | Options]


def read_space(lines: list[str], per: Sequence[str], loader: ConfigLoader | None = None) -> Space:
    """Split overrides into fixed ones, arms and searched keys.

    Args:
        lines: The overrides of the files and of the command line; the last of a key counts.
        per: Keys; each of their values gets a separate search.
        loader: Hydra's config loader, which knows the options of groups.

    Raises:
        ValueError: Something cannot be searched.
    """
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(lines)
    fixed, arms, drawn = {}, {}, {}
    for key, override in sorted({override.get_key_element(): override for override in overrides}.items()):
        plain = key.lstrip("+")
        if plain == "name":
            raise ValueError("name: every trial needs its own folder; leave it out")
        if not override.is_sweep_override():
            fixed[key] = f"{key}={override.get_value_element_as_str()}" if not override.is_delete() else key
        elif plain in per:
            arms[key] = _values(override, plain)
        else:
            drawn[key] = _drawn(override, plain)
    if not drawn:
        raise ValueError("nothing to search: give a key an interval(...), a range(...) or several values")
    named = {}
    for chosen in product(*arms.values()):
        lines = [f"{key}={value}" for key, value in zip(arms, chosen, strict=True)]
        named[" ".join(line.lstrip("+") for line in lines) or "all"] = lines
    return Space(list(fixed.values()), named, drawn)


def _drawn(override: Override, key: str) -> Interval | Options:
    value: Any = override.value()
    log = "log" in getattr(value, "tags", ())
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        if low is None or high is None or low >= high:
            raise ValueError(f"{key}: interval({low}, {high}) is empty")
        if log and low <= 0:
            raise ValueError(f"{key}: the logarithm of interval({low}, {high}) is not defined")
        return Interval(low, high, log)
    if log:
        raise ValueError(f"{key}: only an interval can be searched on a logarithmic scale: tag(log, interval(a, b))")
    return Options(tuple(_values(override, key)))


def _values(override: Override, key: str) -> list[str]:
    if override.is_interval_sweep():
        raise ValueError(f"{key}: hydra.sweeper.per needs single values, not an interval")
    return list(dict.fromkeys(override.sweep_string_iterator()))
