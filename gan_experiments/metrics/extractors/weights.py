"""Weights that come from elsewhere: fetched once, checked, and read without running anything that is in them."""

from __future__ import annotations

import hashlib
import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from filelock import FileLock
from torch import Tensor, nn
from torch.hub import download_url_to_file

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.files import replacing
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.base import WeightsMissingError

_PATIENCE = 30.0  # seconds for an answer of the network


def find_weights(chosen: str | None, what: str, address: str, digest: str, key: str = "metrics.weights") -> Path:
    """Return the file of weights: the chosen one, or one in the cache folder, fetched if it is not there yet.

    Args:
        chosen: The user's own file; ``None``: the published one.
        what: What they are the weights of, for errors.
        address: Where the published ones are; the last part of it names the file.
        digest: How the SHA-256 of those begins.
        key: Of the config, by which the user chooses.

    Raises:
        ConfigError: There is no such file.
        WeightsMissingError: It cannot be fetched; says what to put where.
    """
    if chosen is not None:
        path = Path(chosen).expanduser()
        if not path.is_file():
            raise ConfigError(f"{key}: there is no file {path}")
        return path
    path = cache_folder() / "weights" / address.rpartition("/")[2]
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            try:
                with replacing(path) as temporary, _patience():
                    download_url_to_file(address, str(temporary), hash_prefix=digest, progress=False)
            except (URLError, OSError, RuntimeError) as error:
                told = f"the weights of {what} are not here and cannot be fetched ({' '.join(str(error).split())})"
                advice = f"put {address} into {path.parent}, or name it by {key}="
                raise WeightsMissingError(f"{told}: {advice}") from error
    return path


def is_published(path: Path, digest: str) -> bool:
    """Tell whether a file is the one whose SHA-256 begins with ``digest``."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest().startswith(digest)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict onto the CPU; only tensors and plain containers are accepted.

    Raises:
        ConfigError: The file is damaged, or holds something else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ConfigError(f"metrics.weights: {path} is damaged, or holds code instead of weights") from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        told = f"{str(error) or 'empty'}".splitlines()[0]
        raise ConfigError(f"metrics.weights: {path} cannot be read: {told}") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigError(f"metrics.weights: {path} is not a state dict: names with a tensor each")
    return state


def require_fit(state: dict[str, Tensor], network: nn.Module, path: Path, what: str) -> None:
    """Refuse weights whose names or shapes are not those of ``network``.

    Raises:
        ConfigError: Names some that differ.
    """
    own = network.state_dict()
    counters = {name for name in own if name.endswith("num_batches_tracked")}  # old files lack them
    missing, unknown = sorted(own.keys() - state.keys() - counters), sorted(state.keys() - own.keys())
    shapes = [name for name in sorted(own.keys() & state.keys()) if own[name].shape != state[name].shape]
    told = [f"{len(names)} {word} ({names[0]} ...)" for names, word in
            ((missing, "missing"), (unknown, "unknown"), (shapes, "of another shape")) if names]  # fmt: skip
    if told:
        raise ConfigError(
            f"metrics.weights: {path} holds the weights of another network than {what}: {', '.join(told)}"
        )


@contextmanager
def _patience() -> Iterator[Any]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
