"""Experiments with generative adversarial networks: exact resume, honest comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_experiments.runs.generator_file import load_generator as load_generator

__all__ = ["load_generator"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: torch takes seconds, and a command may not need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gan_experiments.runs.generator_file import load_generator

    return load_generator
