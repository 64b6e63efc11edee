"""Rules of the config's own sections, with the signature of a component's ``check``. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.rules import check_within_run
from gan_experiments.core.text import nearest, show

_EVERY = 50_000  # the default of metrics.every, of which a short run gets no warning


def check_config(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse a batch that the processes cannot share equally, and a number that two ramps change.

    Warn of a generator that is never trained.
    """
    batch, devices, nodes = (config.get(name) for name in ("batch_size", "trainer.devices", "trainer.num_nodes"))
    if isinstance(batch, int) and isinstance(devices, int) and isinstance(nodes, int) and batch % (devices * nodes):
        processes = f"{devices * nodes} processes (trainer.devices={devices}, trainer.num_nodes={nodes})"
        yield Problem("batch_size", f"{batch} images cannot be divided equally among {processes}")
    budget, d_steps = config.get("budget.images"), config.get("d_steps")
    if all(isinstance(value, int) for value in (batch, budget, d_steps)) and 1 < d_steps > -(-budget // batch):
        text = f"{d_steps:,} discriminator steps are more than the budget has: the generator is never trained"
        yield Problem("d_steps", text, warning=True)
    owners: dict[str, str] = {}
    for name in config.get("ramps") or ():
        for number in dict.fromkeys(_texts(config.get(f"ramps.{name}.keys"))):
            if owners.setdefault(number, name) != name:
                yield Problem(f"ramps.{name}.keys", f"{number} is changed by ramps.{owners[number]} already")


def check_stability(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse data and networks without a known equilibrium, and learning rates that change from step to step."""
    dataset, generator = config.component("dataset"), config.component("model.generator")
    if dataset is not None and not getattr(dataset, "has_equilibrium", False):
        yield Problem("dataset", f"no equilibrium on {dataset.__name__} is known; take dirac or gaussian")
    if generator is not None and not hasattr(generator, "to_equilibrium"):
        text = f"no equilibrium of {generator.__name__} is known"
        yield Problem("model", f"{text}; take dirac, or linear_quadratic with dataset=gaussian")
    if config.get("optimizer.schedule.kind") not in (None, "constant") or config.get("optimizer.schedule.warmup"):
        yield Problem("optimizer.schedule", "each step would be another one; take kind=constant and warmup=0")


def check_trainer(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse float16 on the CPU."""
    if config.get(f"{key}.precision") == "16-mixed" and config.get(f"{key}.accelerator") == "cpu":
        yield Problem(f"{key}.precision", "16-mixed needs a GPU; the CPU supports 32-true and bf16-mixed")


def check_optimizer(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse integer betas, which the optimizers of torch raise for; warn of steps larger than any weight."""
    for network in ("generator", "discriminator"):
        rate = config.get(f"{key}.{network}.lr")
        if isinstance(rate, (int, float)) and rate > 1:
            text = f"{show(rate)}: one step can move every weight by more than 1; usual are 1e-5 to 1e-2"
            yield Problem(f"{key}.{network}.lr", text, warning=True)
        for index, beta in enumerate(config.get(f"{key}.{network}.betas") or ()):
            if isinstance(beta, int):
                text = f"the optimizer does not accept integers; write {float(beta)}"
                yield Problem(f"{key}.{network}.betas[{index}]", text)


def check_schedule(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
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
            yield Problem(f"{key}.{name}", "is not used: the learning rates do not fall (kind=constant)", warning=True)


def check_average(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Warn of a moving average that never begins, or that holds early weights at the end: its half-life is long."""
    yield from check_within_run(key, "start", "the average is the network itself throughout", config)
    half_life, start, budget = (
        config.get(f"{key}.half_life"),
        config.get(f"{key}.start", 0),
        config.get("budget.images"),
    )
    if not all(isinstance(value, int) for value in (half_life, start, budget)):
        return
    if 3 * half_life > budget and start < budget and config.get(f"{key}.rampup") is None:
        text = f"{half_life} images are more than a third of the budget of {budget}"
        hint = f"the average still holds early weights; set {key}.rampup=0.05"
        yield Problem(f"{key}.half_life", f"{text}: {hint}", warning=True)


def check_stop(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse patience with a value that nothing measures; warn of more than the budget."""
    if config.get(f"{key}.patience") is None:
        return
    if not any(config.get(f"metrics.{group}") for group in ("features", "measures")):
        yield Problem(f"{key}.patience", "needs a periodic evaluation; metrics=none makes none")
    yield from check_within_run(key, "patience", "the run does not end early", config)


def check_initial(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse options of the weights to begin with where there are none."""
    if config.get("init_from") is None:
        for name, value in options.items():
            if value is not None:
                yield Problem(f"{key}.{name}", "is of no use without init_from")


def check_freeze(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse frozen parts of a discriminator that does not exist or is unrolled; warn of random weights that stay."""
    frozen = [name for name in ("generator", "discriminator") if config.get(f"{key}.{name}") is not None]
    if "discriminator" in frozen and config.component("model") and not config.get("model.discriminator"):
        yield Problem(f"{key}.discriminator", "the model has no discriminator")
    if "discriminator" in frozen and config.get("model.unroll_steps"):
        yield Problem(f"{key}.discriminator", "model.unroll_steps steps with all weights; take unroll_steps=0")
    for name in frozen if config.get("init_from") is None else ():
        yield Problem(f"{key}.{name}", "random weights stay as they are: there is no init_from", warning=True)


def _order_problem(key: str, config: ConfigView) -> Problem | None:
    """Return what is wrong with ``start`` and ``end`` below ``key``, in images seen; the budget is the default end."""
    start, end, budget = config.get(f"{key}.start", 0), config.get(f"{key}.end"), config.get("budget.images")
    if end and isinstance(start, int) and isinstance(end, int) and start >= end:
        return Problem(f"{key}.end", f"{end:,} images have to be more than {key}.start, {start:,}")
    if not end and isinstance(start, int) and isinstance(budget, int) and start >= budget:
        return Problem(f"{key}.start", f"{start:,} images have to be fewer than those of the run, {budget:,}")
    return None


def check_ramp(key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
    """Refuse ramps of what the system cannot change, to a value out of bounds, or that end before they start.

    Warn of those that the run does not reach.
    """
    keys, to, system = config.get(f"{key}.keys"), config.get(f"{key}.to"), config.component("model")
    if keys == []:
        yield Problem(f"{key}.keys", "must name at least one number")
    limits = system.ramp_limits(config) if system is not None and hasattr(system, "ramp_limits") else {}
    for number in dict.fromkeys(_texts(keys)) if limits else ():  # none: the system itself has been refused
        if problem := _ramp_problem(number, to, limits):
            yield Problem(f"{key}.keys", problem)
    if out_of_order := _order_problem(key, config):
        yield out_of_order
    else:
        yield from check_within_run(key, "start", "it never begins", config)
        yield from check_within_run(key, "end", "it gets a part of the way", config)


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
    if config.get(f"{key}.every") != _EVERY:
        yield from check_within_run(key, "every", "there is no evaluation before its end", config)
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
