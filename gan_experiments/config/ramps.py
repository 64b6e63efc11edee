"""Which numbers of a config can change while a run goes on, and how."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from gan_experiments.config.validation import Validation
from gan_experiments.core.text import nearest, show

Finding = tuple[str, str]  # a key, and what about it


def changing_numbers(found: Validation) -> Iterator[Finding]:
    """Refuse ramps of what is no number of this config, of one number twice, and those that end before they begin."""
    ramps = found.get("ramps")
    taken: dict[str, str] = {}
    for name, ramp in ramps.items() if isinstance(ramps, dict) else ():
        if not isinstance(ramp, dict):
            continue
        place, keys, to = f"ramps.{name}", ramp.get("keys"), ramp.get("to")
        if keys == []:
            yield f"{place}.keys", "names no number"
        for key in keys if isinstance(keys, list) else ():
            if not isinstance(key, str):
                continue  # refused by its annotation
            if problem := _problem(key, to, _numbers(found)):
                yield f"{place}.keys", problem
            elif key in taken:
                yield f"{place}.keys", f"{key} is moved by ramps.{taken[key]} already"
            taken.setdefault(key, name)
        start, end = ramp.get("start", 0), ramp.get("end") or found.get("budget.images")
        if isinstance(start, int) and isinstance(end, int) and start >= end:
            yield f"{place}.{'end' if ramp.get('end') else 'start'}", f"it would begin at {start} images, end at {end}"


def _problem(key: Any, to: Any, numbers: list[str]) -> str | None:
    if key not in numbers:
        match = nearest(str(key), numbers)
        hint = f"; did you mean {match!r}?" if match else ""
        return f"{show(key)} is no number that can change during this run{hint} ({', '.join(numbers)})"
    largest = 1 if key.endswith(".p") else math.nextafter(1, 0) if ".betas[" in key else math.inf
    if isinstance(to, (int, float)) and to > largest:
        return f"{key} has to stay {'within' if largest == 1 else 'below'} 1; to is {show(to)}"
    return None


def _numbers(found: Validation) -> list[str]:
    """Return the keys of all numbers of the config that can change."""
    numbers = [f"penalty.{name}.weight" for name in found.get("penalty") or ()] + ["model.beta"]
    # A probability that follows its target is not anybody else's to move.
    numbers += [f"augment.{name}.p" for name in found.get("augment") or () if _left_alone(found, name)]
    numbers = [key for key in numbers if isinstance(found.get(key), (int, float))]
    for network in ("generator", "discriminator"):
        betas = found.get(f"optimizer.{network}.betas")
        numbers += [f"optimizer.{network}.betas[{index}]" for index in range(len(betas or ()))]
    return [*numbers, "ema.half_life"]


def _left_alone(found: Validation, augmentation: str) -> bool:
    options = found.get(f"augment.{augmentation}")
    return isinstance(options, dict) and "target" in options and options["target"] is None
