"""Experiments with generative adversarial networks: exact resume, honest comparisons."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_experiments.api.compose import compose as compose
    from gan_experiments.api.evaluate import EvaluationResult as EvaluationResult
    from gan_experiments.api.evaluate import evaluate as evaluate
    from gan_experiments.api.run import Run as Run
    from gan_experiments.api.run import load_run as load_run
    from gan_experiments.api.train import train as train
    from gan_experiments.comparison.comparison import Comparison as Comparison
    from gan_experiments.comparison.comparison import compare as compare
    from gan_experiments.core.types import ConfigError as ConfigError
    from gan_experiments.core.types import DivergedError as DivergedError
    from gan_experiments.runs.generator_file import load_generator as load_generator

_MODULES = {
    "compose": "api.compose",
    "train": "api.train",
    "load_run": "api.run",
    "evaluate": "api.evaluate",
    "compare": "comparison.comparison",
    "load_generator": "runs.generator_file",
    "Run": "api.run",
    "EvaluationResult": "api.evaluate",
    "Comparison": "comparison.comparison",
    "ConfigError": "core.types",
    "DivergedError": "core.types",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    """Import a name of the API when it is first used: importing the package alone imports neither torch nor Hydra."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
