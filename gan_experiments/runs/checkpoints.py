"""Loads checkpoints, which may be damaged or hostile, without executing code from them."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_experiments.core.text import first_line
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

_DEEPEST, _MOST = 30, 1_000_000  # nesting and number of values of a checkpoint


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; only tensors and plain containers are accepted.

    The file is a zip archive with a checksum of every tensor, and all of them are verified. It is mapped into memory:
    no size that it claims is allocated.

    Raises:
        ConfigError: It does not exist, is damaged, contains code, or is not the checkpoint of a run.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such checkpoint")
    try:
        sizes = _verified_sizes(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        _check_tensors(list(_tensors(checkpoint)), sizes)
    except pickle.UnpicklingError:
        raise ConfigError(f"{path}: refused: damaged, or contains code instead of weights") from None
    except Exception as error:  # there is no end to what the content of a damaged file raises
        raise ConfigError(f"{path}: damaged: {first_line(error)}") from None
    if not isinstance(checkpoint, dict) or not {"state_dict", "images_seen"} <= checkpoint.keys():
        raise ConfigError(f"{path}: not a checkpoint of a run")
    weights, clock = checkpoint["state_dict"], checkpoint["images_seen"]
    if type(clock) is not int or clock < 0:
        raise ConfigError(f"{path}: images_seen is {clock!r:.40}, not a number of images")
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ConfigError(f"{path}: state_dict holds other things than weights")
    return checkpoint


def check_clock(checkpoint: Mapping[str, Any], config: Mapping[str, Any], path: Path) -> None:
    """Refuse a checkpoint of a moment that a run with this config does not have.

    Raises:
        ConfigError: It is beyond the budget, or between two steps.
    """
    clock, batch, budget = checkpoint["images_seen"], config["batch_size"], config["budget"]["images"]
    if clock % batch or clock >= budget + batch:
        text = (
            f"images_seen is {clock:,}, which no step of this run reaches: batch_size={batch}, budget.images={budget}"
        )
        raise ConfigError(f"{path}: {text}")


def find_checkpoint(run: RunFolder, name: str | os.PathLike[str]) -> Path:
    """Return the checkpoint ``last`` or ``best`` of a run, or ``name`` itself as a path."""
    return run.checkpoint(name) if name in ("last", "best") else Path(name)


def load_part(module: nn.Module, checkpoint: dict[str, Any], prefix: str, path: Path) -> None:
    """Load the part of a checkpoint whose keys start with ``prefix`` into ``module``.

    Raises:
        ConfigError: The checkpoint belongs to another network, or holds values that are not finite.
    """
    load_weights(module, below(checkpoint["state_dict"], prefix), path)


def below(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names start with ``prefix``, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load weights from a file at ``path`` into ``module``.

    Raises:
        ConfigError: They belong to another network, or are not finite.
    """
    check_weights(module, weights, path)
    for key, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ConfigError(f"{path}: {key} holds values that are not finite")
    module.load_state_dict(weights)


def check_weights(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Hold the names, shapes and types of weights from a file against those of ``module``, which may have no storage.

    Raises:
        ConfigError: They belong to another network; the first difference.
    """
    own = module.state_dict()
    for key in (*own, *weights):
        if key not in weights or key not in own:
            reason = f"{key} is missing" if key not in weights else f"there is no {key}"
        elif own[key].shape != weights[key].shape:
            reason = f"{key} has the shape {tuple(weights[key].shape)}, not {tuple(own[key].shape)}"
        elif own[key].dtype != weights[key].dtype:
            reason = f"{key} is {weights[key].dtype}, not {own[key].dtype}"
        else:
            continue
        raise ConfigError(f"{path}: belongs to another network: {reason}")


def _verified_sizes(path: Path) -> list[int]:
    """Return the sizes in bytes of the tensors' records, in the order in which they are stored.

    Raises:
        ValueError: A checksum is wrong, or a record claims more than the file holds.
    """
    with zipfile.ZipFile(path) as archive:
        records = sorted(archive.infolist(), key=lambda record: record.header_offset)
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            raise ValueError("compressed")
        if sum(record.file_size for record in records) > path.stat().st_size:
            raise ValueError("larger inside than outside")
        if wrong := archive.testzip():
            raise ValueError(f"wrong checksum of {wrong}")
    return [record.file_size for record in records if record.filename.partition("/")[2].startswith("data/")]


def _tensors(content: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested containers.

    Raises:
        ValueError: They hold other things than plain values, or too many.
    """
    pending, count = [(content, 0)], 0
    while pending:
        value, depth = pending.pop()
        count += 1
        if depth > _DEEPEST or count > _MOST:
            raise ValueError("nested too deeply, or too many values")
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping):
            pending += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, (list, tuple)):
            pending += [(each, depth + 1) for each in value]
        elif not isinstance(value, (str, int, float, type(None))):
            raise ValueError(f"holds a {type(value).__name__}")


def _check_tensors(tensors: list[Tensor], sizes: list[int]) -> None:
    """Refuse tensors that are not what ``torch.save`` makes of ordinary ones, in records of these sizes."""
    for tensor in tensors:
        ordinary = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not ordinary or tensor.is_complex():
            raise ValueError(f"holds a tensor of {tensor.dtype}, {tensor.layout} on {tensor.device.type}")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError("holds a tensor that is larger than its data")
    storages = {storage.data_ptr(): storage.nbytes() for storage in (each.untyped_storage() for each in tensors)}
    if [storages[start] for start in sorted(storages) if storages[start]] != [size for size in sizes if size]:
        raise ValueError("holds tensors that are not those of its records")
