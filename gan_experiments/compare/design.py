"""What a study varies: its arms, what pairs their runs, and what differs besides."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gan_experiments.compare.collect import Run
from gan_experiments.core.text import suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import EXECUTION_TRAINER_KEYS, NON_RESULT_KEYS

SEED = "seed"
_NAMES = {*NON_RESULT_KEYS, SEED}
# What carries or watches a run: it changes no result, so two runs that differ in it alone are not two seeds.
EXECUTION_KEYS = ("callbacks.", "logger.", *(f"trainer.{key}" for key in EXECUTION_TRAINER_KEYS))
_WHOLE = ("experiment", "study")  # groups whose options set keys anywhere
_ABSENT = "(absent)"
Block = tuple[str, ...]  # what makes runs of several arms a pair: the seed, and what else varies within arms


class Difference(NamedTuple):
    """A config key that differs between arms: what it is in each, by the arm's label."""

    key: str
    values: dict[str, str]


@dataclass
class Arm:
    """The runs of one level of the factor.

    Attributes:
        label: The level; of several factors, joined by ``/``.
        runs: One per block: the same seed, and the same of whatever else varies within the arms, is the same block.
    """

    label: str
    runs: dict[Block, Run] = field(default_factory=dict)


@dataclass
class Design:
    """How a study is laid out.

    Attributes:
        factors: What is compared: config groups or keys.
        arms: By their label.
        within: Other keys that vary within arms; with the seed they say which runs make a pair.
        differences: Other keys that differ between arms.
        repeats: Runs that repeat another, and are left out, with its name.
    """

    factors: tuple[str, ...]
    arms: list[Arm]
    within: list[str]
    differences: list[Difference]
    repeats: list[tuple[str, str]]


def lay_out(runs: Sequence[Run], factor: Sequence[str] | str | None = None) -> Design:
    """Sort runs into arms.

    Args:
        runs: Of one study.
        factor: What tells the arms apart; ``None``: whatever varies besides the seed, values that a search draws aside.

    Raises:
        ConfigError: The factor is not known or does not vary.
    """
    varying = _Varying(runs)
    names = [name.strip() for name in factor.split(",")] if isinstance(factor, str) else list(factor or ())
    factors = tuple(varying.named(names) if names else varying.found())
    arms: dict[str, list[Run]] = {}
    for run, label in zip(runs, varying.labels(factors), strict=True):
        arms.setdefault(label, []).append(run)
    free = [key for key in varying.keys if not any(_below(key, factor) for factor in factors)]
    within = [key for key in free if any(len(_values(members, key)) > 1 for members in arms.values())]
    pairing = [key for key in within if not key.startswith(EXECUTION_KEYS)]
    design = Design(factors, [], pairing, [], [])
    for name, members in arms.items():
        design.arms.append(_arm(name, members, pairing, design.repeats))
    for key in free:
        sets = {name: _values(members, key) for name, members in arms.items()}
        if len({frozenset(values) for values in sets.values()}) > 1:
            told = {name: ", ".join(sorted(values)) for name, values in sets.items()}
            design.differences.append(Difference(key, told))
    return design


def _arm(label: str, members: list[Run], pairing: list[str], repeats: list[tuple[str, str]]) -> Arm:
    """Make an arm; of runs that are one and the same, keep one that finished, then the newest."""
    arm = Arm(label)
    order = sorted(members, key=lambda run: (run.status in ("finished", "diverged"), str(run.record.get("started"))))
    for run in reversed(order):
        block = (str(run.seed), *(shown(run.config.get(key, _ABSENT)) for key in pairing))
        if block in arm.runs:
            repeats.append((run.name, arm.runs[block].name))
        else:
            arm.runs[block] = run
    arm.runs = dict(sorted(arm.runs.items(), key=lambda item: (item[1].seed, item[0])))
    return arm


class _Varying:
    """What varies among runs: groups by their option, and config keys."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        known = {key for run in runs for key in run.config}
        self.keys = sorted(key for key in known if key not in _NAMES and len(_values(runs, key)) > 1)
        self._chosen = [_choices(run) for run in runs]
        self._groups = sorted({group for choices in self._chosen for group in choices})
        self._levels: dict[str, list[str]] = {}
        self._known: Collection[str] = {*known, *self._groups, *(key.partition(".")[0] for key in known)}
        self._overridden = {_key_of(line) for run in runs for line in _list(run.record.get("overrides"))}

    def named(self, names: list[str]) -> list[str]:
        """Return the factors that were asked for.

        Raises:
            ConfigError: One is not known, or does not vary.
        """
        problems = []
        for name in names:
            if name == SEED:
                problems.append("factor: the seed is what the statistics are over; it cannot be the factor")
            elif name not in self._known:
                problems.append(f"factor: no run has {name!r} in its config{suggest(name, self._known)}")
            elif len(levels := set(self.levels(name))) < 2:
                varies = ", ".join(self.found() or ["nothing but the seed"])
                problems.append(
                    f"factor: {name} is {levels.pop()} in all {len(self._runs)} runs (what varies: {varies})"
                )
        if problems:
            raise ConfigError(problems)
        return list(dict.fromkeys(names))

    def found(self) -> list[str]:
        """Return the fewest groups and keys that tell apart all runs that differ in more than the seed."""
        groups = [group for group in self._groups if len(set(self.levels(group))) > 1]
        groups.sort(key=lambda group: (group not in _WHOLE, group not in self._overridden))
        keys = [key for key in self.keys if not key.startswith(EXECUTION_KEYS) and not self._is_searched(key)]
        keys.sort(key=lambda key: key not in self._overridden)
        candidates = [group for group in groups if not f"{group}.".startswith(EXECUTION_KEYS)] + keys
        whole = self._parts(candidates)
        for candidate in candidates:
            if self._parts([candidate]) == whole > 1:
                return [candidate]
        kept = list(candidates)
        for candidate in reversed(candidates):
            fewer = [other for other in kept if other != candidate]
            if self._parts(fewer) == whole:
                kept = fewer
        return kept

    def levels(self, name: str) -> list[str]:
        """Return the level of a factor in each run."""
        if name not in self._levels:
            chosen = name in self._groups and all(name in choices for choices in self._chosen)
            options = [choices[name] for choices in self._chosen] if chosen else []
            self._levels[name] = options or [_setting(run, name) for run in self._runs]
        return self._levels[name]

    def labels(self, factors: Sequence[str]) -> list[str]:
        """Return the label of each run's arm."""
        if not factors:
            return ["all"] * len(self._runs)
        return ["/".join(levels) for levels in zip(*map(self.levels, factors), strict=True)]

    def _parts(self, factors: Sequence[str]) -> int:
        return len(set(self.labels(factors)))

    def _is_searched(self, key: str) -> bool:
        """Tell whether nearly every run has a value of its own: a number that a search has drawn."""
        values = [run.config[key] for run in self._runs if key in run.config]
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        distinct = len(set(map(str, values)))
        return numbers and distinct > 3 and distinct > len(values) / 2


def shown(value: Any) -> str:
    """Return a config's value as a short text."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _choices(run: Run) -> dict[str, str]:
    choices = run.record.get("choices")
    return {key: _option(value) for key, value in choices.items()} if isinstance(choices, dict) else {}


def _option(chosen: Any) -> str:
    """Return the option of a group; of several, which Hydra notes as a list, their names joined by ``+``."""
    return "+".join(re.findall(r"[^\s\[\],'\"]+", str(chosen))) or "none"


def _setting(run: Run, name: str) -> str:
    """Return what a config has at a key: the value, or of a component its class."""
    target = run.config.get(f"{name}._target_")
    if target is not None:
        return str(target).rpartition(".")[2]
    if name in run.config:
        value = run.config[name]
        return f"{value:.6g}" if isinstance(value, float) else shown(value)
    below = {key: value for key, value in run.config.items() if _below(key, name)}
    return shown(below) if below else _ABSENT


def _values(runs: Sequence[Run], key: str) -> set[str]:
    return {shown(run.config.get(key, _ABSENT)) for run in runs}


def _below(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _key_of(override: Any) -> str:
    return str(override).lstrip("+~").partition("=")[0]
