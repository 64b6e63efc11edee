"""Layout of a study: its arms, which of their runs form a pair, and what else differs between them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gan_experiments.comparison.collect import CollectedRun
from gan_experiments.core.dotted import distinct
from gan_experiments.core.text import key_of, suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import EXECUTION_TRAINER_KEYS, NON_RESULT_KEYS
from gan_experiments.runs.longer import BUDGET

SEED = "seed"
_IGNORED = {*NON_RESULT_KEYS, SEED}
# Keys that change how a run is executed or logged but not its result: two runs that differ only in them are not two
# seeds.
EXECUTION_KEYS = ("callbacks.", "logger.", *(f"trainer.{key}" for key in EXECUTION_TRAINER_KEYS))
_GLOBAL_GROUPS = ("experiment", "study")  # whose options set keys anywhere in the config
_ABSENT = "(absent)"
_as_json = json.JSONEncoder(default=str).encode
Block = tuple[str, ...]  # the seed and whatever else varies within arms; runs of one block form a pair


@dataclass
class Arm:
    """The runs of one level of the factor.

    Attributes:
        label: The level; the levels of several factors are joined by ``/``.
        runs: One per block.
        levels: The level of each factor.
    """

    label: str
    runs: dict[Block, CollectedRun] = field(default_factory=dict)
    levels: tuple[str, ...] = ()


@dataclass
class Design:
    """The layout of a study.

    Attributes:
        factors: Config groups or keys whose levels are compared.
        arms: One per level.
        within: Other keys that vary within arms; they and the seed define the blocks.
        differences: Other keys that differ between arms, with the values in each by its label.
        repeats: Runs that are left out because they repeat another, with the name of that one.
        shorter: Runs that are left out because another differs only in its larger budget, with the name of that one.
        unended: Runs that are left out because they have no result and another of their block has, with its name.
    """

    factors: tuple[str, ...]
    arms: list[Arm]
    within: list[str]
    differences: dict[str, dict[str, str]]
    repeats: list[tuple[str, str]] = field(default_factory=list)
    shorter: list[tuple[str, str]] = field(default_factory=list)
    unended: list[tuple[str, str]] = field(default_factory=list)


def lay_out(runs: Sequence[CollectedRun], factor: Sequence[str] | str | None = None) -> Design:
    """Sort the runs of a study into arms, the levels of ``factor``: groups or keys of the config.

    ``None`` takes whatever varies besides the seed, except numbers that a search has drawn.

    Raises:
        ConfigError: The factor is unknown or does not vary.
    """
    varying = _Varying(runs)
    names = [name.strip() for name in factor.split(",")] if isinstance(factor, str) else list(factor or ())
    factors = tuple(varying.named(names) if names else varying.fewest())
    arms: dict[str, list[CollectedRun]] = {}
    for run, label in zip(runs, varying.labels(factors), strict=True):
        arms.setdefault(label, []).append(run)
    free = [key for key in varying.keys if not any(_below(key, factor) for factor in factors)]
    within = [key for key in free if any(len(_values(members, key)) > 1 for members in arms.values())]
    pairing = [key for key in within if not key.startswith(EXECUTION_KEYS) and key != BUDGET]
    design = Design(factors, [], pairing, {})
    for name, members in arms.items():
        levels = tuple(varying.levels(factor)[runs.index(members[0])] for factor in factors)
        design.arms.append(_arm(name, members, design, levels))
    for key in free:
        sets = {arm.label: _values(list(arm.runs.values()), key) for arm in design.arms}
        if len({frozenset(values) for values in sets.values()}) > 1:
            design.differences[key] = {name: ", ".join(sorted(values)) for name, values in sets.items()}
    return design


def _arm(label: str, members: list[CollectedRun], design: Design, levels: tuple[str, ...]) -> Arm:
    """Make an arm; of runs of one block keep one that has ended, of those the longest, of those the newest.

    Two budgets are not two seeds: where the budget is no factor, a block has the run with the larger one.
    """
    arm = Arm(label, levels=levels)
    order = sorted(members, key=lambda run: (run.ended, run.budget, str(run.record.get("started"))))
    for run in reversed(order):
        block = (str(run.seed), *(as_text(run.config.get(key, _ABSENT)) for key in design.within))
        if block in arm.runs:
            kept = arm.runs[block]
            why = design.shorter if run.budget < kept.budget else design.repeats
            (design.unended if kept.ended and not run.ended else why).append((run.name, kept.name))
        else:
            arm.runs[block] = run
    arm.runs = dict(sorted(arm.runs.items(), key=lambda item: (item[1].seed, item[0])))
    return arm


class _Varying:
    """The config groups and keys that vary among runs."""

    def __init__(self, runs: Sequence[CollectedRun]) -> None:
        self._runs = runs
        known = {key for run in runs for key in run.config}
        self.keys = sorted(key for key in known if key not in _IGNORED and len(_values(runs, key)) > 1)
        self._chosen = [_choices(run) for run in runs]
        self._groups = sorted({group for choices in self._chosen for group in choices})
        self._levels: dict[str, list[str]] = {}
        self._known: Collection[str] = {*known, *self._groups, *(key.partition(".")[0] for key in known)}
        self._overridden = {key_of(str(line)) for run in runs for line in _list(run.record.get("overrides"))}

    def named(self, names: list[str]) -> list[str]:
        """Return the requested factors, each once.

        Raises:
            ConfigError: One is unknown or does not vary.
        """
        problems = []
        for name in names:
            if name == SEED:
                problems.append("factor: seed cannot be a factor, since the statistics are taken over seeds")
            elif name not in self._known:
                problems.append(f"factor: no run has {name!r} in its config{suggest(name, self._known)}")
            elif len(levels := set(self.levels(name))) < 2:
                varies = ", ".join(self.fewest() or ["nothing but the seed"])
                text = f"{name} is {levels.pop()} in all {len(self._runs)} runs"
                problems.append(f"factor: {text} (what varies: {varies})")
        if problems:
            raise ConfigError(problems)
        return list(dict.fromkeys(names))

    def fewest(self) -> list[str]:
        """Return the fewest groups and keys that distinguish all runs which differ in more than the seed."""
        groups = [group for group in self._groups if len(set(self.levels(group))) > 1]
        groups.sort(key=lambda group: (group not in _GLOBAL_GROUPS, group not in self._overridden))
        keys = [key for key in self.keys if not key.startswith(EXECUTION_KEYS) and not self._is_searched(key)]
        keys.sort(key=lambda key: key not in self._overridden)
        chosen = [group for group in groups if not f"{group}.".startswith(EXECUTION_KEYS)]
        candidates = list(dict.fromkeys(chosen + keys))  # an empty group is a key as well
        all_parts = self._parts(candidates)
        for candidate in candidates:
            if self._parts([candidate]) == all_parts > 1:
                return [candidate]
        kept = list(candidates)
        for candidate in reversed(candidates):
            fewer = [other for other in kept if other != candidate]
            if self._parts(fewer) == all_parts:
                kept = fewer
        return kept

    def levels(self, name: str) -> list[str]:
        """Return the level of a factor in each run."""
        if name not in self._levels:
            chosen = name in self._groups and all(name in choices for choices in self._chosen)
            options = [choices[name] for choices in self._chosen] if chosen else []
            self._levels[name] = options or self._settings(name)
        return self._levels[name]

    def _settings(self, name: str) -> list[str]:
        """Return the value at a key in each run, numbers to six digits if that tells them apart."""
        short = [_setting(run, name) for run in self._runs]
        if not any(isinstance(run.config.get(name), float) for run in self._runs):
            return short
        exact = [_setting(run, name, exact=True) for run in self._runs]
        return short if len(set(short)) == len(set(exact)) else exact

    def labels(self, factors: Sequence[str]) -> list[str]:
        """Return the label of each run's arm."""
        if not factors:
            return ["all"] * len(self._runs)
        return ["/".join(levels) for levels in zip(*map(self.levels, factors), strict=True)]

    def _parts(self, factors: Sequence[str]) -> int:
        return len(set(self.labels(factors)))

    def _is_searched(self, key: str) -> bool:
        """Return whether most runs have different numbers at a key, which a search has drawn then."""
        values = [run.config[key] for run in self._runs if key in run.config]
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        distinct = len(set(map(str, values)))
        return numbers and distinct > 3 and distinct > len(values) / 2


def as_text(value: Any) -> str:
    """Return a config value as text."""
    return value if isinstance(value, str) else _as_json(value)


def _choices(run: CollectedRun) -> dict[str, str]:
    choices = run.record.get("choices")
    if not isinstance(choices, dict):
        return {}
    lines = [str(line) for line in _list(run.record.get("overrides")) if re.match(r"\w+=\[", str(line))]
    lists = dict(line.split("=", 1) for line in lines)  # options of a group that Hydra notes nowhere else
    return {key: _option(str(value)) for key, value in {**choices, **lists}.items()}


@lru_cache(1024)
def _option(chosen: str) -> str:
    """Return the option of a group; several are joined by ``+``."""
    return "+".join(re.findall(r"[^\s\[\],'\"]+", chosen)) or "none"


def _setting(run: CollectedRun, name: str, exact: bool = False) -> str:
    """Return the value of a config at a key, a number to six digits unless ``exact``; of a component, its class."""
    target = run.config.get(f"{name}._target_")
    if target is not None:
        return str(target).rpartition(".")[2]
    if name in run.config:
        value = run.config[name]
        if not isinstance(value, float):
            return as_text(value)
        return repr(value).removesuffix(".0") if exact else f"{value:.6g}"
    below = {key: value for key, value in run.config.items() if _below(key, name)}
    return as_text(below) if below else _ABSENT


def _values(runs: Sequence[CollectedRun], key: str) -> set[str]:
    values = {as_text(value) for value in distinct((run.config for run in runs), key, _ABSENT)}
    return values - {_ABSENT} if values == {_ABSENT, "null"} else values  # an option that earlier versions did not have


def _below(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
