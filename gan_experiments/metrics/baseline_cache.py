"""Cache of real baselines: each is computed once for the same real images, features, options and counts."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gan_experiments.core.cache import cache_folder, read_or_make, short_hash
from gan_experiments.core.files import read_bytes, write_json
from gan_experiments.metrics.measure import Baseline

_log = logging.getLogger(__name__)

Baselines = dict[str, Baseline]


def cached_baselines(recipe: Mapping[str, Any], compute: Callable[[], Baselines]) -> Baselines:
    """Return the baselines that ``compute`` returns, from the cache if they have been computed before.

    Args:
        recipe: All that they are a function of; values that JSON does not know count as their text.
        compute: Computes them, by name.

    Raises:
        OSError: The cache folder cannot be created.
    """
    text = json.dumps(recipe, sort_keys=True, default=str)
    path = cache_folder() / "statistics" / f"baselines-{short_hash(text)}.json"

    def make() -> Baselines:
        computed = compute()
        try:
            write_json(path, {"recipe": text, "baselines": computed})
        except OSError as error:
            _log.warning("%s cannot be written (%s): it is made again next time", path, error.strerror)
        return computed

    return read_or_make(path, lambda: _read(path, text), make)


def _read(path: Path, recipe: str) -> Baselines | None:
    if not path.exists():
        return None
    try:
        content = json.loads(read_bytes(path))
        if content["recipe"] == recipe:
            return {
                name: Baseline(float(value), None if spread is None else float(spread))
                for name, (value, spread) in content["baselines"].items()
            }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    warnings.warn(f"{path} is damaged: the real baseline is computed again", stacklevel=2)
    return None
