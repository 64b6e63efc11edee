"""Findings: failures of training by name, as the record of a run has them, and what to try. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_experiments.core.dotted import value_of
from gan_experiments.runs.reached import reached
from gan_experiments.runs.results import estimates

TITLES = {
    "discriminator_too_strong": "the discriminator is too strong",
    "mode_collapse": "mode collapse",
    "memorization": "memorization of training images",
    "oscillation": "oscillation",
    "divergence": "divergence",
}
FAR = 30  # times the real baseline, from which on a generator has hardly learned the data
_STILL = 0.9  # of the budget: a best evaluation after that says that the run was still getting better
_NETWORKS = ("generator", "discriminator")


class Finding(NamedTuple):
    """A failure of training.

    Attributes:
        name: One of ``TITLES``.
        began: Images seen when it began.
        ended: Images seen when it was over; ``None``: it was not.
        reason: What the name follows from.
    """

    name: str
    began: int
    ended: int | None
    reason: str


def title(name: str) -> str:
    """Return a finding's name in words."""
    return TITLES.get(name, name)


def findings(record: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of a record in the order in which they began; those that cannot be read are left out."""
    written = record.get("findings")
    valid = []
    for name, each in written.items() if isinstance(written, Mapping) else ():
        values = each if isinstance(each, Mapping) else {}
        began, ended = values.get("began"), values.get("ended")
        if isinstance(began, int) and (ended is None or isinstance(ended, int)):
            valid.append(Finding(str(name), began, ended, str(values.get("reason", ""))))
    return sorted(valid, key=lambda finding: finding.began)


def lines(record: Mapping[str, Any]) -> list[str]:
    """Return a line for each finding."""
    return [
        f"{title(name)}, from {began:,} images on{'' if ended is None else f' to {ended:,}'}: {reason}"
        for name, began, ended, reason in findings(record)
    ]


def advice(record: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Return in a line what to try, from what has been found or how far the result is from what can be expected.

    That is the real baseline, or what the command has been shown to reach. Commands in it have ``<folder>`` for the
    run's.

    Empty if nothing was found that lasts, and the result is near enough.
    """
    lasting = [finding.name for finding in findings(record) if finding.ended is None]
    if lasting:
        remedy = _REMEDIES[lasting[0]](config) if lasting[0] in _REMEDIES else ""
        return remedy + " (gan-diagnose tries it and more)" * (bool(remedy) and lasting[0] != "memorization")
    far = [
        name
        for name, each in estimates(record).items()
        if is_far(each.value, each.real_baseline, each.higher_is_better)
    ]
    shown = reached(record.get("overrides", ["unknown"]))
    expected = ""
    if not far and shown is not None and shown.missed(record):
        far, expected = [shown.measure], f", where this command has reached {shown}"
    if not far:
        return ""
    seen, best = record.get("images_seen") or 0, value_of(record, "best.images_seen") or 0
    if best >= _STILL * seen:
        more = f"gan-train resume=<folder> budget.images={2 * int(seen)}"
        if _measured_once(int(seen), config):  # which says nothing of how it went
            distance = "" if expected else " is far from a perfect generator's, and"
            return f"{far[0].upper()}{distance} was measured only at the end{expected}: {more}"
        return f"{far[0].upper()} was still getting better at the end{expected}: {more}"
    return f"{far[0].upper()} was best at {int(best):,} images and not since{expected}: {_half_rates(config)}"


def is_far(value: float, baseline: float | None, higher_is_better: bool | None) -> bool:
    """Return whether a value says that a generator has hardly learned the data."""
    if baseline is None or baseline <= 0 or not math.isfinite(value) or higher_is_better is None:
        return False
    return baseline >= FAR * max(value, 0.0) if higher_is_better else value >= FAR * baseline


def half_rates(config: Mapping[str, Any]) -> dict[str, float]:
    """Return the learning rates of a config, each halved, by key."""
    rates = {f"optimizer.{name}.lr": value_of(config, f"optimizer.{name}.lr") for name in _NETWORKS}
    return {key: rate / 2 for key, rate in rates.items() if isinstance(rate, (int, float))}


def _measured_once(seen: int, config: Mapping[str, Any]) -> bool:
    """Return whether a run was too short for a periodic evaluation before the one at its end."""
    every, batch = value_of(config, "metrics.every"), value_of(config, "batch_size")
    return isinstance(every, int) and seen < every + (batch if isinstance(batch, int) else 1)


def _half_rates(config: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={rate:g}" for key, rate in half_rates(config).items())


def _gentler_discriminator(config: Mapping[str, Any]) -> str:
    rates = [value_of(config, f"optimizer.{name}.lr") for name in _NETWORKS]
    if all(isinstance(rate, (int, float)) for rate in rates) and rates[1] > rates[0]:
        return f"optimizer.discriminator.lr={rates[0]:g}, the generator's"
    return _more_penalty(config)


def _more_penalty(config: Mapping[str, Any]) -> str:
    weighted = [
        name for name, each in (config.get("penalty") or {}).items() if isinstance(each.get("weight"), (int, float))
    ]
    if not weighted:
        return "penalty=r1: nothing keeps the discriminator smooth"
    return f"penalty.{weighted[0]}.weight={2 * config['penalty'][weighted[0]]['weight']:g}"


def _slower_generator(config: Mapping[str, Any]) -> str:
    rate = value_of(config, "optimizer.generator.lr")
    return f"optimizer.generator.lr={rate / 10:g}" if isinstance(rate, (int, float)) else _more_penalty(config)


def _against_copies(config: Mapping[str, Any]) -> str:
    if config.get("augment"):
        return "more images, or the best checkpoint: gan-sample run=<folder> checkpoint=best"
    return "augment=diffaugment, or more images"


def _damped(config: Mapping[str, Any]) -> str:
    for name in _NETWORKS:
        if value_of(config, f"optimizer.{name}.momentum"):
            return " ".join(f"optimizer.{each}.momentum=0" for each in _NETWORKS)
    return _more_penalty(config)


def _finite(config: Mapping[str, Any]) -> str:
    precision = value_of(config, "trainer.precision")
    return _half_rates(config) if precision in (None, "32-true") else "trainer.precision=32-true"


_REMEDIES = {
    "discriminator_too_strong": _gentler_discriminator,
    "mode_collapse": _slower_generator,
    "memorization": _against_copies,
    "oscillation": _damped,
    "divergence": _finite,
}
