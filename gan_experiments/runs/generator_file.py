"""Loads a trained generator from its file, which needs only torch and safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from gan_experiments.config.sources import NotFound
from gan_experiments.config.targets import TARGET, find_target
from gan_experiments.core.contracts import Generator
from gan_experiments.core.types import ConfigError, DataFacts

_GENERATOR = "gan_experiments.core.contracts.Generator"


def load_generator(path: str | Path, trusted: Sequence[str] = ()) -> Generator:
    """Load ``generator.safetensors`` of a run: the EMA generator, on the CPU and in evaluation mode.

    ``generator(latents, labels)`` maps standard normal latents ``(B, generator.latent_dim)`` and, if
    ``generator.conditional``, labels ``(B,)`` to images ``(B, C, H, W)`` in [-1, 1]; ``generator.facts`` describes the
    data it was trained on. Untrusted files are safe to load: they contain tensors and text, and a file that names a
    class other than a generator of this package is refused.

    Args:
        path: The file.
        trusted: Other packages in which the class of a generator may be defined.

    Raises:
        ConfigError: The file is missing or damaged, or names another class.
    """
    weights, metadata = _read(Path(path))
    try:
        architecture, facts = (json.loads(metadata[key]) for key in ("architecture", "facts"))
    except (KeyError, ValueError):
        raise ConfigError(f"{path}: not a generator of a run: its architecture and facts cannot be read") from None
    generator = _build(architecture, facts, trusted, path)
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ConfigError(f"{path}: its weights do not fit its architecture: {reason}") from None
    return generator.eval().requires_grad_(False)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{path}: damaged, or not a safetensors file: {error}") from None


def _build(architecture: Any, facts: Any, trusted: Sequence[str], path: str | Path) -> Generator:
    """Build the network of an architecture without changing the global random state."""
    try:
        arguments = _checked(architecture, trusted)
        source = find_target(architecture[TARGET], trusted)
        if source.descends_from(_GENERATOR) is not True:
            raise NotFound(f"{source.path} is not a Generator")
        with torch.random.fork_rng(devices=[]):
            generator: Generator = source.load()(DataFacts(**facts), **arguments)
    except NotFound as error:
        raise ConfigError(f"{path}: refused: {error}") from None
    except (TypeError, ValueError, RuntimeError, AttributeError, ImportError, LookupError) as error:
        raise ConfigError(f"{path}: its architecture cannot be built: {str(error).splitlines()[0]}") from None
    return generator


def _checked(architecture: Any, trusted: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of an architecture, which are plain values: a nested component is refused."""
    if not isinstance(architecture, Mapping) or TARGET not in architecture:
        raise NotFound("its architecture names no class")
    if f'"{TARGET}"' in json.dumps([value for key, value in architecture.items() if key != TARGET]):
        raise NotFound("its architecture names a class within a class")
    return {key: value for key, value in architecture.items() if key != TARGET}
