"""Loads checkpoints without executing code from them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; only tensors and plain containers are accepted.

    Raises:
        ConfigError: It does not exist, is damaged, contains code, or is not the checkpoint of a run.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ConfigError(f"{path}: refused: damaged, or contains code instead of weights") from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise ConfigError(f"{path}: damaged: {str(error) or 'empty'}".splitlines()[0]) from None
    if not isinstance(checkpoint, dict) or not {"state_dict", "images_seen"} <= checkpoint.keys():
        raise ConfigError(f"{path}: not a checkpoint of a run")
    return checkpoint


def find_checkpoint(run: RunFolder, name: str) -> Path:
    """Return the checkpoint ``last`` or ``best`` of a run, or ``name`` itself as a path."""
    return run.checkpoint(name) if name in ("last", "best") else Path(name)


def load_part(module: nn.Module, checkpoint: dict[str, Any], prefix: str, path: Path) -> None:
    """Load the part of a checkpoint whose keys start with ``prefix`` into ``module``.

    Raises:
        ConfigError: The checkpoint belongs to another network.
    """
    state = {key[len(prefix) :]: value for key, value in checkpoint["state_dict"].items() if key.startswith(prefix)}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ConfigError(f"{path}: belongs to another network: {reason}") from None
