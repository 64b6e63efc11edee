"""Names a run, and thereby its folder, after its dataset, model and overrides. Imports no torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gan_experiments.runs.config_differences import NON_RESULT_KEYS

LONGEST_NAME = 120


def run_name(choices: Mapping[str, str], overrides: Sequence[str]) -> str:
    """Name a run after its dataset, its model and its overrides in any order: groups and the seed first.

    The end of a name that is too long is replaced by a digest of the whole.

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
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", exact).strip("_")
    if name == exact and len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.blake2b(exact.encode(), digest_size=4).hexdigest()
    return f"{name[: LONGEST_NAME - 9]}-{digest}"


def own_choices(choices: Mapping[str, Any]) -> dict[str, str]:
    """Return the options chosen of this package's config groups, without those of Hydra's own groups."""
    return {key: str(value) for key, value in choices.items() if not key.startswith("hydra")}
