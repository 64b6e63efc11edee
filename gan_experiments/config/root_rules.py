"""Rules of the config's own sections, with the signature of a component's ``check``. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.text import nearest, show


def check_config(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse a batch that the processes cannot share equally, and a number that two ramps change."""
    batch, devices, nodes = (config.get(name) for name in ("batch_size", "trainer.devices", "trainer.num_nodes"))
    if isinstance(batch, int) and isinstance(devices, int) and isinstance(nodes, int) and batch % (devices * nodes):
        yield Problem("batch_size", f"{batch} images cannot be divided equally among {devices * nodes} processes")
    owners: dict[str, str] = {}
    for name in config.get("ramps") or ():
        for number in dict.fromkeys(_texts(config.get(f"ramps.{name}.keys"))):
            if owners.setdefault(number, name) != name:
                yield Problem(f"ramps.{name}.keys", f"{number} is changed by ramps.{owners[number]} already")


def check_trainer(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse float16 on the CPU."""
    if config.get(f"{key}.precision") == "16-mixed" and config.get(f"{key}.accelerator") == "cpu":
        yield Problem(f"{key}.precision", "16-mixed needs a GPU; the CPU supports 32-true and bf16-mixed")


def check_optimizer(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse integer betas, which the optimizers of torch raise for."""
    for network in ("generator", "discriminator"):
        for index, beta in enumerate(config.get(f"{key}.{network}.betas") or ()):
            if isinstance(beta, int):
                text = f"the optimizer does not accept integers; write {float(beta)}"
                yield Problem(f"{key}.{network}.betas[{index}]", text)


def check_schedule(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse learning rates that stop falling before they start."""
    start, end = config.get(f"{key}.start"), config.get(f"{key}.end")
    name = "end" if end else "start"
    end = end or config.get("budget.images")
    falls = config.get(f"{key}.kind") in ("linear", "cosine")
    if falls and isinstance(start, int) and isinstance(end, int) and start >= end:
        yield Problem(f"{key}.{name}", f"the learning rates fall from {start} to {end} images: end must be larger")


def check_average(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Warn of a moving average that holds early weights at the end of the run, because its half-life is long."""
    half_life, start, budget = (
        config.get(f"{key}.half_life"),
        config.get(f"{key}.start", 0),
        config.get("budget.images"),
    )
    if not all(isinstance(value, int) for value in (half_life, start, budget)):
        return
    if half_life > budget / 3 and start < budget and config.get(f"{key}.rampup") is None:
        text = f"{half_life} images are more than a third of the budget of {budget}"
        hint = f"the average still holds early weights; set {key}.rampup=0.05"
        yield Problem(f"{key}.half_life", f"{text}: {hint}", warning=True)


def check_ramp(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse ramps of what the system cannot change, to a value out of bounds, or that end before they start."""
    keys, to, system = config.get(f"{key}.keys"), config.get(f"{key}.to"), config.component("model")
    if keys == []:
        yield Problem(f"{key}.keys", "must name at least one number")
    limits = system.ramp_limits(config) if system is not None and hasattr(system, "ramp_limits") else {}
    for number in dict.fromkeys(_texts(keys)) if limits else ():  # none: the system itself has been refused
        if problem := _ramp_problem(number, to, limits):
            yield Problem(f"{key}.keys", problem)
    start, end = config.get(f"{key}.start", 0), config.get(f"{key}.end")
    name = "end" if end else "start"
    end = end or config.get("budget.images")
    if isinstance(start, int) and isinstance(end, int) and start >= end:
        yield Problem(f"{key}.{name}", f"the ramp goes from {start} to {end} images: end must be larger")


def check_metrics(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse features without an extractor, weights that no extractor reads, and two values of one name."""
    features, extractors = config.get(f"{key}.features"), config.get(f"{key}.extractors")
    if features and not extractors:
        names = ",".join(features)
        yield Problem(f"{key}.features", f"{names} needs an extractor; add one: {key}=[native,{names}]")
    extractors = extractors or {}
    takes_weights = any("weights" in (config.get(f"{key}.extractors.{name}") or ()) for name in extractors)
    if config.get(f"{key}.weights") and not takes_weights:
        text = f"{', '.join(extractors) or 'no extractor'} takes no file of weights; {key}=inception does"
        yield Problem(f"{key}.weights", text)
    yield from _check_values(key, config)


def _check_values(key: str, config: ConfigView) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for group in ("features", "measures"):
        for name, measure in config.components(f"{key}.{group}").items():
            own = f"{key}.{group}.{name}"
            repeated = [value for value in getattr(measure, "values", ()) if owners.setdefault(value, own) != own]
            if repeated:
                text = f"{owners[repeated[0]]} already computes {', '.join(repeated)}; keep one of the two"
                yield Problem(own, text)


def _texts(values: Any) -> list[str]:
    """Return the texts in a list; what else is in it has been refused already."""
    return [value for value in values or () if isinstance(value, str)]


def _ramp_problem(number: str, to: Any, limits: Mapping[str, float]) -> str | None:
    if number not in limits:
        match = nearest(number, limits)
        hint = f"; did you mean {match!r}?" if match else ""
        return f"{show(number)} is not a number that can change during this run{hint} ({', '.join(limits)})"
    limit = limits[number]
    if isinstance(to, (int, float)) and to > limit:
        return f"{number} must be {'at most' if limit == 1 else 'below'} 1; to is {show(to)}"
    return None
