"""Weights of published networks: downloaded once, checked by hash, and read without running code from the file."""

from __future__ import annotations

import hashlib
import pickle
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.hub import download_url_to_file

from gan_experiments.core.cache import cache_folder, read_or_make
from gan_experiments.core.files import replacing
from gan_experiments.core.types import ConfigError

_TIMEOUT = 30.0  # seconds without an answer from the server


class WeightsMissingError(ConfigError):
    """Weights are not on this machine and cannot be downloaded; the message says which file to put where."""


def find_weights(chosen: str | None, network: str, url: str, digest: str, key: str = "metrics.weights") -> Path:
    """Return the file of the weights of a network: the user's, or the published one, downloaded into the cache folder.

    Args:
        chosen: The user's file; ``None``: the published one.
        network: Name of the network, for error messages.
        url: Address of the published weights; its last part is the name of the file.
        digest: First digits of the SHA-256 of the published weights.
        key: Config key that the user's file is given at.

    Raises:
        ConfigError: The user's file does not exist.
        WeightsMissingError: The published file cannot be downloaded; the message says which file to put where.
    """
    if chosen is not None:
        path = Path(chosen).expanduser()
        if not path.is_file():
            raise ConfigError(f"{key}: there is no file {path}")
        return path
    path = cache_folder() / "weights" / url.rpartition("/")[2]

    def download() -> Path:
        try:
            with replacing(path) as temporary, _timeout():
                download_url_to_file(url, str(temporary), hash_prefix=digest, progress=False)
        except (URLError, OSError, RuntimeError) as error:
            reason = f"the weights of {network} are not here and cannot be downloaded ({' '.join(str(error).split())})"
            advice = f"put {url} into {path.parent}, or name it by {key}="
            raise WeightsMissingError(f"{reason}: {advice}") from error
        return path

    return read_or_make(path, lambda: path if path.is_file() else None, download)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read piece by piece."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            sha256.update(part)
    return sha256.hexdigest()


def read_weights(path: Path, key: str = "metrics.weights") -> dict[str, Tensor]:
    """Read a state dict, ``.safetensors`` or pickled, onto the CPU; only tensors and plain containers are accepted.

    Raises:
        ConfigError: The file is damaged, or holds something else.
    """
    try:
        safe = path.suffix == ".safetensors"
        state = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ConfigError(f"{key}: {path} is damaged, or holds code instead of weights") from None
    except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = f"{str(error) or 'empty'}".splitlines()[0]
        raise ConfigError(f"{key}: {path} cannot be read: {reason}") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigError(f"{key}: {path} is not a state dict: names with a tensor each")
    return state


def refuse_other_weights(
    state: dict[str, Tensor], network: nn.Module, path: Path, name: str, key: str = "metrics.weights"
) -> None:
    """Refuse weights whose names or shapes are not those of ``network``.

    Raises:
        ConfigError: The weights differ; the message gives an example of each kind of difference.
    """
    own = network.state_dict()
    counters = {key for key in own if key.endswith("num_batches_tracked")}  # old files lack them
    missing, unknown = sorted(own.keys() - state.keys() - counters), sorted(state.keys() - own.keys())
    shapes = [key for key in sorted(own.keys() & state.keys()) if own[key].shape != state[key].shape]
    differences = ((missing, "missing"), (unknown, "unknown"), (shapes, "of another shape"))
    listed = [f"{len(keys)} {difference} ({keys[0]} ...)" for keys, difference in differences if keys]
    if listed:
        raise ConfigError(f"{key}: {path} holds the weights of another network than {name}: {', '.join(listed)}")


def hash_weights(weights: Mapping[str, Tensor]) -> str:
    """Return a hash of the names, shapes and values of a state dict, the same on every device."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def _timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
