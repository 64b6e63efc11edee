"""Names a run, and thereby its folder, after its dataset, model and overrides. Imports no torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from gan_experiments.runs.config_differences import NON_RESULT_KEYS

LONGEST_NAME = 120
_LONGEST_EXACT = 80  # of a name that gives every override in full
_LONGEST_VALUE = 20  # of a value in a shortened name


def run_name(choices: Mapping[str, str], overrides: Sequence[str]) -> str:
    """Name a run after its dataset, its model and its overrides in any order: groups and the seed first.

    A name that would be long, or lose a character, is shortened: the last part of each key, and no value that is a
    mapping or long. A digest of the whole at its end tells it from others.

    Args:
        choices: The option chosen of each config group.
        overrides: The overrides of the command line, as ``key=value``.
    """
    values = dict(override.lstrip("+").partition("=")[::2] for override in overrides)
    ignored = {"dataset", "model", "study", *NON_RESULT_KEYS}
    if values.get("dataset_defaults") == choices.get("dataset"):  # the default
        ignored.add("dataset_defaults")
    keys = sorted((key for key in values if key not in ignored), key=lambda key: ("." in key, key))
    settings = [f"{key}_{values[key]}" for key in keys]
    exact = "-".join([choices.get("dataset", "run"), choices.get("model", "run"), *settings])
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", exact) and len(exact) <= _LONGEST_EXACT:
        return exact
    ends = [key.rpartition(".")[2] for key in keys]
    parts = [choices.get("dataset", "run"), choices.get("model", "run")]
    for key, end in zip(keys, ends, strict=True):
        name = end if ends.count(end) == 1 else ".".join(key.split(".")[-2:])
        value = _clean(values[key])
        parts.append(f"{name}_{value}" if value and len(values[key]) <= _LONGEST_VALUE else name)
    digest = hashlib.blake2b(exact.encode(), digest_size=3).hexdigest()
    return f"{_clean('-'.join(parts))[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_.")
