"""Images, or points, from anywhere that are to be compared with a dataset's, taken as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.files.listing import Archive, Folder, list_pictures

_TOLD = 3  # images that are named


def load_fakes(path: Path, facts: DataFacts) -> Tensor:
    """Read images of the size and colour that a dataset has; none is resized or converted, which would move FID.

    Args:
        path: A folder or zip archive of pictures, searched with all that is below, or an array ``(N, H, W, C)``,
            ``(N, C, H, W)`` or ``(N, H, W)`` in an ``.npy`` or ``.npz`` file. Where the dataset holds points: an array
            of floats in [-1, 1], ``(N, 2)`` or ``(N, 2, 1, 1)``.
        facts: Of the dataset.

    Returns:
        uint8, ``(N, C, H, W)``; of points float32.

    Raises:
        ConfigError: There are none, some cannot be read, or they are of another size, colour or range.
    """
    points = facts.image_size == 1
    if path.suffix in (".npy", ".npz"):
        array = _read_array(path, least=2 if points else 3)
        return _from_points(array, path, facts) if points else _from_array(array, path, facts)
    if points:
        raise ConfigError(f"fake: {facts.name} holds points, not pictures: save an array {_points(facts)} as .npy")
    folder = path.is_dir()
    source: Folder | Archive = Folder(path, "fake") if folder or path.suffix != ".zip" else Archive(path, "fake")
    names = list_pictures(source, "").names
    images, wrong = np.empty((len(names), facts.channels, facts.image_size, facts.image_size), np.uint8), []
    with source.opened() as open_:
        for place, name in enumerate(names):
            try:
                with open_(name) as picture:
                    images[place] = _pixels(picture, facts)
            except Exception as error:  # Pillow's readers raise whatever they stumble over
                wrong.append(f"{name} ({error})")
    if wrong:
        raise ConfigError(f"fake: {len(wrong)} of {len(names)} images do not fit: {first_few(wrong, _TOLD)}")
    return torch.from_numpy(images)


def _pixels(picture: Image.Image, facts: DataFacts) -> NDArray[np.uint8]:
    wanted = {1: ("L",), 3: ("RGB", "P")}[facts.channels]
    if picture.size != (facts.image_size, facts.image_size):
        size = facts.image_size
        raise ValueError(f"{picture.width}x{picture.height} pixels, those of {facts.name} have {size}x{size}")
    if picture.mode not in wanted:
        kinds = {"L": "grey", "RGB": "colour", "P": "colour", "RGBA": "with transparency", "F": "floating point"}
        told, own = kinds.get(picture.mode, f"of mode {picture.mode}"), "grey" if facts.channels == 1 else "colour"
        raise ValueError(f"{told}, those of {facts.name} are {own}")
    pixels: NDArray[np.uint8] = np.asarray(picture.convert(wanted[0]))
    return pixels.reshape(1, *pixels.shape) if facts.channels == 1 else pixels.transpose(2, 0, 1)


def _read_array(path: Path, least: int) -> np.ndarray:
    """Read an array; of several the one with at least so many dimensions."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            arrays = [loaded[name] for name in loaded.files]
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"fake: {path} cannot be read ({error})") from None
    images: list[np.ndarray] = [array for array in arrays if array.ndim >= least]
    if len(images) != 1:
        raise ConfigError(f"fake: {path} holds {len(images)} arrays with {least} or more dimensions, not one")
    return images[0]


def _from_array(array: np.ndarray, path: Path, facts: DataFacts) -> Tensor:
    size, channels = facts.image_size, facts.channels
    if array.dtype != np.uint8:
        low, high = (float(pick(array)) if array.size else 0.0 for pick in (np.min, np.max))
        told = f"{array.dtype} in [{low:.3g}, {high:.3g}]"
        raise ConfigError(f"fake: {path} holds {told}; save uint8 in [0, 255]: a range cannot be guessed")
    if array.ndim == 3:
        array = array[..., None]
    if array.shape[1:] == (size, size, channels):
        array = array.transpose(0, 3, 1, 2)
    if array.shape[1:] != (channels, size, size) or not len(array):
        wanted = f"(N, {size}, {size}, {channels}) as {facts.name} has"
        raise ConfigError(f"fake: {path} holds an array {array.shape}, not {wanted}")
    return torch.from_numpy(np.ascontiguousarray(array))


def _from_points(array: np.ndarray, path: Path, facts: DataFacts) -> Tensor:
    told = f"fake: {path} holds an array {array.shape} of {array.dtype}"
    if array.shape[1:] not in ((facts.channels,), (facts.channels, 1, 1)) or array.dtype.kind != "f" or not len(array):
        raise ConfigError(f"{told}, not {_points(facts)} as {facts.name} has")
    if not (np.abs(array) <= 1).all():  # nor is NaN
        raise ConfigError(f"{told} in [{array.min():.3g}, {array.max():.3g}]; those of {facts.name} lie in [-1, 1]")
    return torch.from_numpy(array.astype(np.float32)).view(-1, facts.channels, 1, 1)


def _points(facts: DataFacts) -> str:
    return f"(N, {facts.channels}) of float32 in [-1, 1]"
