"""Tensors in files of torch and in pickles of its modules, by the rules of its weights-only loading; nothing is run."""

from __future__ import annotations

import io
import math
import mmap
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_experiments.core.text import first_line
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.foreign.pickles import Inert, PickleError, entries_of, read_pickle

_MAGIC = 0x1950A86A20F9469CFC6C  # of the files of torch.save before its archives
_DTYPES = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool,
}  # fmt: skip
_PARAMETERS = (
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch.nn.parameter.Parameter",
)  # fmt: skip
_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_STORED = "torch.storage._load_from_bytes"
_DEEPEST, _MOST = 40, 100_000  # modules in modules, and tensors of one

Shapes = Mapping[str, tuple[int, ...]]  # of weights, by their name


class ForeignFile:
    """The content of a file: an object, with tensors that are rebuilt when they are asked for.

    Args:
        content: The object, as ``read_pickle`` returns it, or with tensors in it that have been rebuilt.
        storages: The bytes of tensors by the key of their persistent id.
    """

    def __init__(self, content: Any, storages: Mapping[str, memoryview] = MappingProxyType({})) -> None:
        self.content = content
        self._storages = storages

    @property
    def size(self) -> int:
        """The bytes of all tensors."""
        return sum(map(len, self._storages.values()))

    def shape(self, value: Any) -> tuple[int, ...] | None:
        """Return the shape of a tensor, whose data are known to be there; ``None`` if it is none.

        Raises:
            PickleError: It claims more than its data hold.
        """
        if isinstance(value, Tensor):
            return tuple(value.shape)
        parts = self._parts(value)
        return None if parts is None else parts[3]

    def tensor(self, value: Any) -> Tensor:
        """Rebuild a tensor.

        Raises:
            PickleError: It is none, or claims more than its data hold.
        """
        if isinstance(value, Tensor):
            return value
        parts = self._parts(value)
        if parts is None:
            raise PickleError("holds something else where a tensor should be")
        data, dtype, offset, size, stride = parts
        if not math.prod(size):
            return torch.empty(size, dtype=dtype)
        width = dtype.itemsize
        view: Any = np.ndarray(size, f"V{width}", data, offset * width, [step * width for step in stride])
        return torch.frombuffer(view.copy(), dtype=dtype).reshape(size).clone()  # clone: aligned as torch does it

    def _parts(self, value: Any) -> tuple[memoryview, torch.dtype, int, tuple[int, ...], tuple[int, ...]] | None:
        """Return data, type, offset, shape and strides of a tensor."""
        while isinstance(value, Inert) and value.name in _PARAMETERS:
            value = value.args[0] if isinstance(value.args, tuple) and value.args else None
        if not isinstance(value, Inert) or value.name not in _TENSORS:
            return None
        if not isinstance(value.args, tuple) or len(value.args) < 4:
            raise PickleError("holds a tensor without its shape")
        storage, offset, size, stride = value.args[:4]
        data, dtype = self._storage(storage)
        numbers = (offset, *_integers(size), *_integers(stride))
        if len(size) != len(stride) or any(type(number) is not int or not 0 <= number < 2**48 for number in numbers):
            raise PickleError("holds a tensor whose shape is not one")
        held = len(data) // dtype.itemsize
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        if math.prod(size) and (math.prod(size) > held or last >= held):
            raise PickleError("holds a tensor that is larger than its data")
        return data, dtype, offset, tuple(size), tuple(stride)

    def _storage(self, value: Any) -> tuple[memoryview, torch.dtype]:
        if isinstance(value, Inert) and value.name == _STORED and isinstance(value.args, tuple) and value.args:
            data = value.args[0]
            if isinstance(data, (bytes, bytearray)):
                inner = _legacy(io.BytesIO(data), memoryview(data))
                return inner._storage(inner.content)
        if isinstance(value, Inert) and value.name == "persistent":
            key, dtype = _identified(value.args)
            if key in self._storages:
                return self._storages[key], dtype
        raise PickleError("holds a tensor without data")


@contextmanager
def foreign_file(path: Path) -> Iterator[ForeignFile]:
    """Open a pickle, or a file that ``torch.save`` has written; what is read is mapped into memory.

    Raises:
        ConfigError: There is no such file, or it is neither.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # unmapped once nothing refers to it
        yield _opened(path, mapped)
    except PickleError as error:
        raise ConfigError(f"{path}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: cannot be read: {first_line(error)}") from None


def tensors_of(module: Any) -> dict[str, Any]:
    """Return the parameters and buffers of a pickled module, not yet rebuilt, by their dotted names.

    Raises:
        PickleError: It is no module, or holds too much.
    """
    tensors: dict[str, Any] = {}
    pending: list[tuple[str, Any, int]] = [("", module, 0)]
    while pending:
        prefix, part, depth = pending.pop()
        state = state_of(part)
        for group in ("_parameters", "_buffers"):
            entries = entries_of(state.get(group)).items()
            tensors |= {f"{prefix}{name}": value for name, value in entries if value is not None}
        below = entries_of(state.get("_modules")).items()
        pending += [(f"{prefix}{name}.", each, depth + 1) for name, each in below if each is not None]
        if depth > _DEEPEST or len(tensors) + len(pending) > _MOST:
            raise PickleError("holds a module of too many parts")
    return tensors


def state_of(module: Any) -> dict[Any, Any]:
    """Return the attributes of a pickled module; with its source in the pickle, they are beside that.

    Raises:
        PickleError: It is no module.
    """
    state = module.state if isinstance(module, Inert) else None
    if isinstance(module, Inert) and isinstance(module.args, tuple) and module.args and state is None:
        state = entries_of(module.args[0]).get("state")
    if "_modules" not in entries_of(state):
        raise PickleError("holds something else where a network should be")
    return entries_of(state)


def part_of(module: Any, *names: str) -> dict[Any, Any]:
    """Return the attributes of a module inside of another one; empty if there is none of that name."""
    for name in names:
        module = entries_of(state_of(module).get("_modules")).get(name)
        if module is None:
            return {}
    return state_of(module)


def _opened(path: Path, mapped: mmap.mmap) -> ForeignFile:
    if not zipfile.is_zipfile(path):
        return _legacy(mapped, memoryview(mapped))
    with zipfile.ZipFile(path) as archive:
        records = {record.filename.partition("/")[2]: record for record in archive.infolist()}
        if any(record.compress_type != zipfile.ZIP_STORED for record in records.values()):
            raise PickleError("is a compressed archive, which torch does not write")
        if sum(record.file_size for record in records.values()) > len(mapped):
            raise PickleError("is larger inside than outside")
        if "data.pkl" not in records:
            raise PickleError("is an archive, but not one of torch")
        content, _ = read_pickle(io.BytesIO(archive.read(records["data.pkl"])))
        keys = [name for name in records if name.startswith("data/")]
        return ForeignFile(content, {name[5:]: memoryview(archive.read(records[name])) for name in keys})


def _legacy(stream: Any, data: memoryview) -> ForeignFile:
    """Read a pickle, and, if it begins a file of torch's, what follows it there."""
    content, _ = read_pickle(stream)
    if content != _MAGIC:
        return ForeignFile(content)
    read_pickle(stream)  # the version of the format
    read_pickle(stream)  # the machine
    content, identifiers = read_pickle(stream)
    dtypes = dict(map(_identified, identifiers))
    keys, _ = read_pickle(stream)
    storages, position = {}, stream.tell()
    for key in keys if isinstance(keys, list) else ():
        if key not in dtypes:
            raise PickleError("holds data of no tensor")
        size = int.from_bytes(data[position : position + 8], "little") * dtypes[key].itemsize
        storages[key] = data[position + 8 : position + 8 + size]
        if len(storages[key]) != size:
            raise PickleError("is cut off")
        position += 8 + size
    return ForeignFile(content, storages)


def _identified(identifier: Any) -> tuple[str, torch.dtype]:
    """Return the key and the type of a storage from its persistent id."""
    if isinstance(identifier, tuple) and len(identifier) >= 5 and identifier[0] == "storage":
        kind, key = identifier[1:3]
        name = kind.name.rpartition(".")[2].removesuffix("Storage") if isinstance(kind, Inert) else ""
        if name in _DTYPES and isinstance(key, str):
            return key, _DTYPES[name]
    raise PickleError("refers to something that is not data of a tensor")


def _integers(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Inert) and value.name == "torch.Size" and isinstance(value.args, tuple) and value.args:
        value = value.args[0]
    if not isinstance(value, (tuple, list)) or len(value) > 8:
        raise PickleError("holds a tensor whose shape is not one")
    return tuple(value)


def check_filters(file: ForeignFile, weights: Mapping[str, Any], suffix: str, kernel: Tensor) -> None:
    """Refuse a network whose resampling filters, those of its weights whose names end so, are not the ``kernel`` here.

    Raises:
        PickleError: One differs.
    """
    for name in [name for name in weights if name.endswith(suffix)]:
        same = file.shape(weights[name]) == tuple(kernel.shape)
        if not same or not torch.allclose(file.tensor(weights[name]), kernel):
            raise PickleError(f"of a network with another filter than here: {name}")
