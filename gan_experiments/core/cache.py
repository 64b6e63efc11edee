"""Where downloads and trained extractors are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """Return ``$GAN_EXPERIMENTS_CACHE``, or else the user's cache folder; it need not exist yet."""
    chosen = os.environ.get("GAN_EXPERIMENTS_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("gan_experiments", appauthor=False)
