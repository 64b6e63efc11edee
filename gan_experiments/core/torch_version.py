"""Which version of torch is installed. Imports no torch."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version


@cache
def torch_version() -> tuple[int, int]:
    """Return the first two numbers of the version of torch."""
    major, minor = re.findall(r"\d+", version("torch"))[:2]
    return int(major), int(minor)


def too_old(least: tuple[int, int]) -> str:
    """Return that torch is older than the version ``least``, in words; empty if it is not."""
    if torch_version() >= least:
        return ""
    return f"torch {least[0]}.{least[1]} or newer, this is {version('torch')}"
