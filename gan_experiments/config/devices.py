"""How devices that other programs ask for, as in ``gpus=2`` or ``device=cuda``, are chosen here."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ALL = ("-1", "all", "auto")
_GPU = re.compile(r"(?:true|yes|gpu|cuda)(?::\d+)?", re.IGNORECASE)
_CPU = re.compile(r"false|no|cpu", re.IGNORECASE)


def trainer_for(key: str, values: Sequence[str]) -> str:
    """Return the overrides that choose devices; empty if that cannot be told.

    Args:
        key: ``trainer.devices``, which is about their number here, or ``trainer.accelerator``, about their kind.
        values: What was given for one that is called otherwise: a number or a list of GPUs, or a kind.
    """
    written = ",".join(value.strip("[]").replace("\\", "") for value in values)  # Hydra escapes a colon
    items = [item.strip("'\" ") for item in written.split(",") if item]
    if key == "trainer.accelerator":
        kinds = {"gpu": _GPU, "cpu": _CPU}
        return next((f"trainer={name}" for name, kind in kinds.items() if kind.fullmatch(",".join(items))), "")
    if not items or not all(item.isdecimal() or item in _ALL for item in items):
        return ""
    listed = len(items) > 1 or values[0].startswith("[")  # their numbers, not how many
    if not listed and items[0] in _ALL:
        return "trainer=ddp"
    count = len(items) if listed else int(items[0])
    chosen = f"trainer=ddp trainer.devices={count}" if count > 1 else "trainer=gpu" if count else "trainer=cpu"
    return f"CUDA_VISIBLE_DEVICES={','.join(items)} before the command and {chosen}" if listed else chosen
