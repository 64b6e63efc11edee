"""State dicts in foreign files: plain tensors by name, and what torch's spectral normalization adds to them."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, mv

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.foreign.pickles import PickleError, entries_of
from gan_experiments.runs.foreign.tensors import ForeignFile, foreign_file

State = dict[str, Tensor]

_EXTRA_EPSILON = 1e-4 - 1e-5  # of batch normalization in StudioGAN and BigGAN-deep, and here
_NETWORKS = {"ema": "G_ema", "generator": "G", "discriminator": "D"}  # in the names of StudioGAN's files
_SPECTRAL = {
    "weight_orig": "parametrizations.weight.original", "weight_u": "parametrizations.weight.0._u",
    "weight_v": "parametrizations.weight.0._v",
}  # fmt: skip


@contextmanager
def foreign_place(path: Path) -> Iterator[ForeignFile]:
    """Open a foreign file, or a folder of StudioGAN's checkpoints, the best ones if there are any.

    Raises:
        ConfigError: It does not exist, cannot be read, or holds what is no network.
    """
    if not path.exists():
        raise ConfigError(f"file: there is no file or folder {path}")
    if path.suffix == ".safetensors":
        text = "safetensors need no import: a run begins with them if they are of a generator here"
        raise ConfigError(f"{path}: {text}: gan-train init_from={shlex.quote(str(path))}")
    if not path.is_dir():
        with foreign_file(path) as file:
            yield file
        return
    networks = {}
    for role, each in files_of(path).items():
        with foreign_file(each) as file:
            networks[role] = state_dicts(file).get("state_dict", {})
    try:
        yield ForeignFile(networks)
    except PickleError as error:
        raise ConfigError(f"{path}: {error}") from None


def files_of(path: Path) -> dict[str, Path]:
    """Return the files of networks in a folder by what they are, all of the generator's newest step; or a file alone.

    Raises:
        ConfigError: There are none in the folder, or a network has files of other steps only.
    """
    if not path.is_dir():
        return {"": path}
    for when in ("best", "current"):
        by_role = {role: _steps(path, f"model={name}-{when}-weights-step=") for role, name in _NETWORKS.items()}
        if not by_role["generator"]:
            continue
        newest = max(by_role["generator"])
        others = {role: files[max(files)].name for role, files in by_role.items() if files and newest not in files}
        if others:
            name = f"-{when}-weights-step={newest}.pth"
            raise ConfigError(
                [f"{path}: holds no model={_NETWORKS[role]}{name}, but {others[role]}" for role in others]
            )
        return {role: files[newest] for role, files in by_role.items() if files}
    raise ConfigError(f"{path}: holds no checkpoints of StudioGAN (model=G-best-weights-step=*.pth)")


def _steps(path: Path, prefix: str) -> dict[int, Path]:
    """Return the files in a folder with names of a prefix and a number, by that."""
    named = re.compile(re.escape(prefix) + r"([0-9]+)\.pth")
    return {int(match[1]): each for each in path.glob(f"{prefix}*.pth") if (match := named.fullmatch(each.name))}


def state_dicts(file: ForeignFile) -> dict[str, State]:
    """Return the state dicts of a file by their keys; a file that is one has it under ``""``.

    Raises:
        PickleError: They hold more than the file.
    """
    content = entries_of(file.content)
    states = {str(key): _entries(file, value) for key, value in {"": content, **content}.items()}
    unread = [each for state in states.values() for each in state.values() if not isinstance(each, Tensor)]
    if sum(math.prod(file.shape(each) or ()) for each in unread) > file.size:
        raise PickleError("holds tensors that are larger than its data")
    return {key: {name: file.tensor(value) for name, value in state.items()} for key, state in states.items() if state}


def _entries(file: ForeignFile, value: Any) -> dict[str, Any]:
    """Return the tensors of a state dict, not yet rebuilt; none of something else."""
    entries = entries_of(value)
    known = all(isinstance(name, str) and file.shape(each) is not None for name, each in entries.items())
    return entries if known else {}


def parametrized(name: str) -> str:
    """Return the name of a tensor of a layer whose weight is normalized spectrally, as torch's newer module has it."""
    prefix, _, last = name.rpartition(".")
    return f"{prefix}.{_SPECTRAL.get(last, last)}"


def folded(state: Mapping[str, Tensor], pattern: str = ".+") -> State:
    """Return a state dict in which weights have been divided by their largest singular values.

    Args:
        state: With the vectors that ``torch.nn.utils.spectral_norm`` computes these from.
        pattern: Of the names of the layers.
    """
    result = {}
    for name, value in state.items():
        layer, _, last = name.rpartition(".")
        if last not in _SPECTRAL or not re.fullmatch(pattern, layer):
            result[name] = value
        elif last == "weight_orig":
            left, right = (_vector(state, f"{layer}.weight_{side}", value) for side in "uv")
            result[f"{layer}.weight"] = value / left.dot(mv(value.flatten(1), right))
    return result


def _vector(state: Mapping[str, Tensor], name: str, weight: Tensor) -> Tensor:
    length = len(weight) if name.endswith("u") else weight[0].numel()
    if name not in state or state[name].shape != (length,):
        raise PickleError(f"without the vector of a spectral normalization: {name}")
    return state[name]


def same_epsilon(state: Mapping[str, Tensor]) -> State:
    """Return a state dict whose variances make up for the larger epsilon of batch normalization, in evaluation."""
    return {name: value + _EXTRA_EPSILON if name.endswith("running_var") else value for name, value in state.items()}
