"""The sections of a config of ``gan-train`` that hold plain values, each with its rules; ``conf/`` says what they mean.

A section's ``check`` is asked as a component's is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gan_experiments.config.signatures import Section
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.rules import check_within_run
from gan_experiments.core.text import show, suggest
from gan_experiments.core.types import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
    StandingBatches,
)


@dataclass
class Budget(Section):
    """When a run is finished."""

    images: PositiveInt


@dataclass
class Stop(Section):
    """When a run ends before its budget is spent."""

    patience: PositiveInt | None = None

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse patience with a value that nothing measures; warn of more than the budget."""
        measured = any(config.get(f"metrics.{group}") for group in ("features", "measures"))
        if config.get(f"{key}.patience") is not None and not measured:
            yield Problem(f"{key}.patience", "needs a periodic evaluation; metrics=none makes none")
        yield from check_within_run(key, "patience", "the run does not end early", config)


@dataclass
class Initial(Section):
    """What is taken from ``init_from``."""

    networks: Literal["generator", "discriminator", "encoder"] | None = None
    generator: Literal["ema", "raw"] | None = None
    strict: bool | None = None

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse options of the weights to begin with where there are none."""
        if config.get("init_from") is None:
            for name, value in options.items():
                if value is not None:
                    yield Problem(f"{key}.{name}", "is of no use without init_from")


@dataclass
class Freeze(Section):
    """What keeps its weights and buffers during the run."""

    generator: PositiveInt | list[str] | None = None
    discriminator: PositiveInt | list[str] | None = None

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse to freeze a discriminator that does not exist or is unrolled; warn of random weights that stay."""
        frozen = [name for name in ("generator", "discriminator") if config.get(f"{key}.{name}") is not None]
        if "discriminator" in frozen and config.component("model") and not config.get("model.discriminator"):
            yield Problem(f"{key}.discriminator", "the model has no discriminator")
        if "discriminator" in frozen and config.get("model.unroll_steps"):
            yield Problem(f"{key}.discriminator", "model.unroll_steps steps with all weights; take unroll_steps=0")
        for name in frozen if config.get("init_from") is None else ():
            yield Problem(f"{key}.{name}", "random weights stay as they are: there is no init_from", warning=True)


@dataclass
class Average(Section):
    """The moving average of the generator's weights."""

    half_life: NonNegativeInt
    start: NonNegativeInt = 0
    rampup: Share | None = None
    standing_batches: StandingBatches | None = None

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of a moving average that never begins, or that holds early weights at the end: its half-life is long."""
        yield from check_within_run(key, "start", "the average is the network itself throughout", config)
        keys = (f"{key}.half_life", f"{key}.start", "budget.images")
        half_life, start, budget = (config.get(each, 0) for each in keys)
        if 3 * half_life > budget and start < budget and config.get(f"{key}.rampup") is None:
            text = f"{half_life} images are more than a third of the budget of {budget}"
            hint = f"the average still holds early weights; set {key}.rampup=0.05"
            yield Problem(f"{key}.half_life", f"{text}: {hint}", warning=True)


@dataclass
class Schedule(Section):
    """The factor of both learning rates over the run."""

    kind: Literal["constant", "linear", "cosine"]
    warmup: NonNegativeInt
    start: NonNegativeInt
    end: PositiveInt | None
    final: Fraction = 0.0

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse learning rates that stop falling before they start; warn of what no run of this budget gets to."""
        yield from check_within_run(key, "warmup", "the learning rates do not reach their values", config)
        falls = config.get(f"{key}.kind") in ("linear", "cosine")
        if falls and (problem := _order_problem(key, config)):
            yield problem
        elif falls:
            yield from check_within_run(key, "start", "the learning rates do not fall", config)
            yield from check_within_run(key, "end", "the learning rates fall a part of the way", config)
        for name in ("start", "end", "final"):
            if config.get(f"{key}.kind") == "constant" and config.get(f"{key}.{name}"):
                yield Problem(
                    f"{key}.{name}", "is not used: the learning rates do not fall (kind=constant)", warning=True
                )


@dataclass
class Ramp(Section):
    """Numbers of the config, ``keys``, that move from what they are there to the value ``to`` during the run."""

    keys: list[str]
    to: NonNegativeFloat
    end: PositiveInt | None = None
    start: NonNegativeInt = 0
    kind: Literal["linear", "cosine"] = "cosine"

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse ramps of what the system cannot change, to a value out of bounds, or that end before they start.

        Warn of those that the run does not reach.
        """
        keys, to, system = config.get(f"{key}.keys"), config.get(f"{key}.to"), config.component("model")
        if keys == []:
            yield Problem(f"{key}.keys", "must name at least one number")
        limits = system.ramp_limits(config) if system is not None and hasattr(system, "ramp_limits") else {}
        for number in dict.fromkeys(keys or ()) if limits else ():  # none: the system itself has been refused
            if problem := _ramp_problem(number, to, limits):
                yield Problem(f"{key}.keys", problem)
        if out_of_order := _order_problem(key, config):
            yield out_of_order
        else:
            yield from check_within_run(key, "start", "it never begins", config)
            yield from check_within_run(key, "end", "it gets a part of the way", config)
            yield from _hidden_half_life(key, config)


@dataclass
class Clip(Section):
    """The largest norm of each network's gradient; ``None`` does not clip."""

    generator: PositiveFloat | None
    discriminator: PositiveFloat | None


@dataclass
class Trainer(Section):
    """Where a run is computed."""

    accelerator: Literal["cpu", "gpu", "auto"]
    devices: PositiveInt | Literal["auto"]
    num_nodes: PositiveInt
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    deterministic: bool
    sync_batchnorm: bool

    @staticmethod
    def check(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse float16 on the CPU."""
        if config.get(f"{key}.precision") == "16-mixed" and config.get(f"{key}.accelerator") == "cpu":
            yield Problem(f"{key}.precision", "16-mixed needs a GPU; the CPU supports 32-true and bf16-mixed")


def _order_problem(key: str, config: ConfigView) -> Problem | None:
    """Return what is wrong with ``start`` and ``end`` below ``key``, in images seen; the budget is the default end."""
    start, end, budget = config.get(f"{key}.start", 0), config.get(f"{key}.end"), config.get("budget.images", math.inf)
    if end is not None and start >= end:
        return Problem(f"{key}.end", f"{end:,} images have to be more than {key}.start, {start:,}")
    if end is None and start >= budget:
        return Problem(f"{key}.start", f"{start:,} images have to be fewer than those of the run, {budget:,}")
    return None


def _hidden_half_life(key: str, config: ConfigView) -> Iterator[Problem]:
    """Warn of a ramp of the average's half-life that the bound of that, a share of the images seen, hides.

    It is looked at half way, where both kinds of ramps are half way, and at the end.
    """
    names = ("ema.half_life", "ema.rampup", f"{key}.to", "budget.images")
    begin, share, to, budget = (config.get(name) for name in names)
    if "ema.half_life" not in (config.get(f"{key}.keys") or ()) or None in (begin, share, to, budget):
        return
    end = config.get(f"{key}.end") or budget
    points = {"half way": ((config.get(f"{key}.start", 0) + end) / 2, (begin + to) / 2), "at its end": (end, to)}
    for where, (images, value) in points.items():
        if share * images < value:
            bound = f"at most {share:g} of the images seen (ema.rampup): {share * images:,.0f} {where}"
            yield Problem(
                f"{key}.keys", f"ema.half_life is {bound}, not {value:,.0f}; set ema.rampup=null", warning=True
            )
            return


def _ramp_problem(number: str, to: Any, limits: Mapping[str, float]) -> str | None:
    if number not in limits:
        hint = suggest(number, limits, listed=True)
        return f"{show(number)} is not a number that can change during this run{hint}"
    limit = limits[number]
    if isinstance(to, (int, float)) and to > limit:
        return f"{number} must be {'at most' if limit == 1 else 'below'} 1; to is {show(to)}"
    return None
