"""Loads generated images or points from files, without any conversion, to compare them with a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipInfo, is_zipfile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_experiments.core.memory import total_memory
from gan_experiments.core.text import first_few, first_line
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.files.framing import as_pixels, in_pages
from gan_experiments.data.files.listing import Archive, Folder, list_images
from gan_experiments.data.files.pictures import ArrayPicture, Picture

_MAX_LISTED = 3  # files that a message names
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # of Pillow, by channels
_KINDS = {
    "L": "grey", "I;16": "grey of 16 bits", "RGB": "colour", "P": "colour", "LA": "grey with transparency",
    "RGBA": "with transparency", "F": "floating point",
}  # fmt: skip


def load_fakes(path: Path, facts: DataFacts) -> Tensor:
    """Read images that match a dataset in size and channels; none is resized or converted, which would change FID.

    Args:
        path: A folder (read recursively) or zip archive of images, or an ``.npy`` or ``.npz`` file with an array
            ``(N, H, W, C)``, ``(N, C, H, W)`` or ``(N, H, W)``. For a dataset of points: an array of floats in
            [-1, 1], ``(N, 2)`` or ``(N, 2, 1, 1)``.
        facts: Facts of the dataset.

    Returns:
        Images, uint8 or uint16 ``(N, C, H, W)``; points, float32 ``(N, 2, 1, 1)``.

    Raises:
        ConfigError: There are no images, or some cannot be read or do not match in size, channels or range.
    """
    points = facts.image_size == 1
    if path.suffix.lower() in (".npy", ".npz"):
        return fakes_from_array(_read_array(path, min_dims=2 if points else 3), facts, path)
    if points:
        raise ConfigError(f"fake: {facts.name} consists of points, not images: save an array {_points(facts)} as .npy")
    zipped = path.suffix.lower() == ".zip" or (path.is_file() and is_zipfile(path))
    source: Folder | Archive = Archive(path, "fake") if zipped and not path.is_dir() else Folder(path, "fake")
    names = list_images(source, "").names
    images, problems = np.empty((len(names), *facts.shape), _dtype(facts)), []
    with source.opened() as open_:
        for index, name in enumerate(names):
            try:
                with open_(name) as image:
                    images[index] = _pixels(image, facts)
            except Exception as error:  # Pillow raises exceptions of many types for damaged files
                problems.append(f"{name} ({error})")
    if problems:
        listed = first_few(problems, _MAX_LISTED)
        raise ConfigError(f"fake: {len(problems)} of {len(names)} images do not fit: {listed}")
    return torch.from_numpy(images)


def fakes_from_array(array: np.ndarray, facts: DataFacts, name: Path | str = "the array") -> Tensor:
    """Check an array of images or points, as ``load_fakes`` reads them from a file that is called ``name``.

    Raises:
        ConfigError: It does not match the dataset in shape, type or range.
    """
    return (_from_points if facts.image_size == 1 else _from_array)(array, name, facts)


def _pixels(image: Picture, facts: DataFacts) -> NDArray[Any]:
    if image.size != (facts.width, facts.height):
        sizes = [f"{one.width}x{one.height}" for one in (image, facts)]
        raise ValueError(f"{sizes[0]} pixels, those of {facts.name} have {sizes[1]}")
    if isinstance(image, ArrayPicture):
        if image.planes.dtype != _dtype(facts):
            raise ValueError(f"of {image.planes.dtype}, those of {facts.name} are {_dtype(facts).__name__}")
    elif not in_pages(image, facts.channels, facts.bits):
        mode = "I;16" if facts.bits == 16 else _MODES.get(facts.channels, "")
        if image.mode != mode and (image.mode, mode) != ("P", "RGB"):
            kind = _KINDS.get(image.mode, f"of mode {image.mode}")
            raise ValueError(f"{kind}, those of {facts.name} are {_KINDS.get(mode, f'of {facts.channels} channels')}")
    return as_pixels(image, facts.channels, facts.bits)


def _dtype(facts: DataFacts) -> type[np.uint8 | np.uint16]:
    return np.uint16 if facts.bits == 16 else np.uint8


def _read_array(path: Path, min_dims: int) -> np.ndarray:
    """Read an array; if the file has several, the only one with at least ``min_dims`` dimensions."""
    try:
        if not path.is_file():
            raise OSError("not a regular file")
        loaded = np.load(path, allow_pickle=False, mmap_mode="c")  # refuses a header that claims more than there is
        if isinstance(loaded, np.ndarray):
            return np.array(loaded)
        with loaded:
            _refuse_bomb(loaded.zip.infolist())
            arrays = [each for name in loaded.files if isinstance(each := loaded[name], np.ndarray)]
    except Exception as error:  # numpy raises exceptions of many types for damaged files
        raise ConfigError(f"fake: {path} cannot be read ({first_line(error)})") from None
    images: list[np.ndarray] = [array for array in arrays if array.ndim >= min_dims]
    if len(images) != 1:
        raise ConfigError(f"fake: {path} contains {len(images)} arrays with {min_dims} or more dimensions, not one")
    return images[0]


def _refuse_bomb(entries: Sequence[ZipInfo]) -> None:
    """Refuse an archive that unpacks to more than the machine's memory; an entry's header may claim what it likes."""
    size, memory = sum(entry.file_size for entry in entries), total_memory()
    if size > memory:
        raise ValueError(f"it unpacks to {size / 2**30:,.0f} GiB, this machine has {memory / 2**30:,.0f} GiB of memory")


def _from_array(array: np.ndarray, path: Path | str, facts: DataFacts) -> Tensor:
    channels, height, width = facts.shape
    wanted = f"{_dtype(facts).__name__} in [0, {facts.levels}]"
    if array.dtype.kind not in "biuf":
        raise ConfigError(f"fake: {path} contains {array.dtype}, not numbers; save {wanted}")
    if array.dtype != _dtype(facts):
        low, high = (float(pick(array)) if array.size else 0.0 for pick in (np.min, np.max))
        content = f"{array.dtype} in [{low:.3g}, {high:.3g}]"
        raise ConfigError(f"fake: {path} contains {content}; save {wanted}: the range cannot be guessed")
    if array.ndim == 3:
        array = array[..., None]
    if array.shape[1:] == (height, width, channels):
        array = array.transpose(0, 3, 1, 2)
    if array.shape[1:] != facts.shape or not len(array):
        expected = f"(N, {height}, {width}, {channels}) like {facts.name}"
        raise ConfigError(f"fake: {path} has the shape {array.shape}, not {expected}")
    return torch.from_numpy(np.ascontiguousarray(array))


def _from_points(array: np.ndarray, path: Path | str, facts: DataFacts) -> Tensor:
    content = f"fake: {path} has the shape {array.shape} and values of {array.dtype}"
    if array.shape[1:] not in ((facts.channels,), (facts.channels, 1, 1)) or array.dtype.kind != "f" or not len(array):
        raise ConfigError(f"{content}, not {_points(facts)} like {facts.name}")
    if not (np.abs(array) <= 1).all():  # false for NaN, too
        raise ConfigError(f"{content} in [{array.min():.3g}, {array.max():.3g}]; those of {facts.name} are in [-1, 1]")
    return torch.from_numpy(array.astype(np.float32)).view(-1, facts.channels, 1, 1)


def _points(facts: DataFacts) -> str:
    return f"(N, {facts.channels}) of float32 in [-1, 1]"
