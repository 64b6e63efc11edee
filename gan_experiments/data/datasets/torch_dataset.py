"""Adapter for any map-style ``torch.utils.data.Dataset`` of images or (image, label) pairs."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.randomness import derive_seed
from gan_experiments.core.text import show
from gan_experiments.core.types import ConfigError, DataFacts, ImageSize
from gan_experiments.data.base import ImageData
from gan_experiments.data.files.framing import Bits, Channels, Framing, Resize
from gan_experiments.data.files.pictures import ArrayPicture, Picture
from gan_experiments.data.parallel import with_progress

_MOST_CHANNELS = 64


@runtime_checkable
class MapDataset(Protocol):
    """A map-style dataset: ``torch.utils.data.Dataset`` with a length, or any class with the same two methods."""

    def __getitem__(self, index: int, /) -> Any:
        """Return an image, or an image and its label."""

    def __len__(self) -> int:
        """Return the number of items."""


class TorchDataset(ImageData):
    """The items of a map-style PyTorch dataset, read once into one uint8 tensor.

    An item is an image, or a tuple or list that starts with an image and its label. An image is a PIL image, a tensor
    ``(H, W)`` or ``(C, H, W)``, or an array ``(H, W)`` or ``(H, W, C)``, in uint8, uint16 or floating point. A label is
    a class number, counted from 0, or ``None``. Images are cropped in the middle and resized like image files.

    Args:
        dataset: The dataset. Its attribute ``classes``, if there is one, lists the names of the classes.
        image_size: Height and width in pixels, one number for squares; default: the shorter side of the first image,
            whose size all must have.
        channels: 1 for grey, 3 for RGB; default: the channels of the first image, which all must have. The fourth of an
            array is transparency only if a number is given.
        bits: 8, or 16 to keep the range of uint16 and of floating point.
        resize: Resampling filter; all are antialiased.
        value_range: Black and white in floating-point images, which are refused without it.
        **options: Options of every dataset.
    """

    def __init__(
        self,
        dataset: MapDataset,
        image_size: ImageSize | None = None,
        channels: Channels | None = None,
        bits: Bits = 8,
        resize: Resize = "lanczos",
        value_range: tuple[float, float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._name = type(dataset).__name__
        if not isinstance(dataset, MapDataset):
            raise ConfigError(f"dataset.dataset: {self._name} is not map-style: it needs __getitem__ and __len__")
        if not len(dataset):
            raise ConfigError(f"dataset.dataset: {self._name} is empty")
        self._dataset = dataset
        self._image_size = image_size
        self._channels = channels
        self._bits = bits
        self._resize: Resize = resize
        self._value_range = value_range

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Yield problems of the shared options, and an empty range of values."""
        yield from super().check(key, options, config)
        match options.get("value_range"):
            case [float() | int() as black, float() | int() as white] if not black < white:
                yield Problem(f"{key}.value_range", f"{black:g} is not less than {white:g}; try [0, 1] or [-1, 1]")

    @cached_property
    def facts(self) -> DataFacts:
        """The facts, from the first item; the number of classes from ``classes`` or else from all labels.

        Raises:
            ConfigError: An item that had to be read is not an image with a valid label.
        """
        framing, count = self.framing, len(self._dataset)
        classes = self._count_classes()
        return DataFacts(self._name, framing.image_size, framing.channels, classes, count, bits=self._bits)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes from ``dataset.classes``; by default their numbers."""
        return self._classes if self._classes and self.facts.num_classes else super().class_names

    @cached_property
    def framing(self) -> Framing:
        """How an item becomes the pixels of the dataset."""
        image, _ = self._first
        return Framing(
            self._image_size or min(image.size), self._channels or _channels(image), self._resize, self._bits
        )

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read all items: images, uint8 or uint16 ``(N, C, H, W)``, and labels, int64 ``(N,)``.

        Raises:
            ConfigError: An item is not an image with a valid label, or differs from the first; or a class is empty.
        """
        count = len(self._dataset)
        images = np.empty((count, *self.framing.shape), self.framing.dtype)
        labels: list[Any] = []
        for index in with_progress(range(count), f"reading {self._name}"):
            image, label = self._read(index)
            self._compare(image, label, index)
            try:
                images[index] = self.framing(image)
            except ValueError as error:
                raise ConfigError(f"dataset.dataset: item {index}: {error}") from error
            labels.append(label)
        if self._first[1] is None:
            return torch.from_numpy(images), None
        self._check_classes(labels)
        return torch.from_numpy(images), torch.tensor(labels, dtype=torch.int64)

    def provenance(self) -> dict[str, Any]:
        """Return, beside the rest, how items became pixels."""
        return {**super().provenance(), **self.framing.recipe()}

    def _count_classes(self) -> int:
        if self._first[1] is None:
            return 0
        if self._classes:
            return len(self._classes)
        assert self.labels is not None
        return int(self.labels.max()) + 1

    @property
    def _classes(self) -> list[str]:
        return [str(name) for name in getattr(self._dataset, "classes", None) or []]

    @cached_property
    def _first(self) -> tuple[Picture, int | None]:
        return self._read(0)

    def _read(self, index: int) -> tuple[Picture, int | None]:
        with torch.random.fork_rng(devices=[]):  # a random transform gives the same image at every read
            torch.default_generator.manual_seed(derive_seed("torch_dataset", index))
            item = self._dataset[index]
        image, label = (*item, None)[:2] if isinstance(item, tuple | list) and item else (item, None)
        try:
            return _image(image, self._value_range, self._bits, self._channels), _label(label)
        except ValueError as error:
            raise ConfigError(f"dataset.dataset: item {index}: {error}") from error

    def _compare(self, image: Picture, label: int | None, index: int) -> None:
        """Refuse an item that differs from the first one where no option says what to do."""
        first, first_label = self._first
        difference = ""
        if self._image_size is None and image.size != first.size:
            sizes = [f"{one.width}x{one.height}" for one in (image, first)]
            difference = f"has {sizes[0]} pixels, item 0 has {sizes[1]}; dataset.image_size resizes all of them"
        elif self._channels is None and _channels(image) != _channels(first):
            counts = f"{_channels(image)} channels, item 0 has {_channels(first)}"
            difference = f"has {counts}; dataset.channels converts all of them"
        elif (label is None) != (first_label is None):
            difference = "has no label, item 0 has one" if label is None else "has a label, item 0 has none"
        if difference:
            raise ConfigError(f"dataset.dataset: item {index} {difference}")

    def _check_classes(self, labels: list[int]) -> None:
        present, named = set(labels), len(self._classes)
        largest = max(present)
        if named and largest >= named:
            text = f"item {labels.index(largest)} has label {largest}, but classes lists {named} names"
            raise ConfigError(f"dataset.dataset: {text}")
        empty = next((label for label in range(named or largest) if label not in present), None)
        if empty is not None:
            raise ConfigError(f"dataset.dataset: no item has label {empty}; labels must number the classes from 0")


def _channels(image: Picture) -> Channels:
    if isinstance(image, ArrayPicture):
        return len(image.planes)
    return 1 if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I") else 3


def _image(value: Any, value_range: tuple[float, float] | None, bits: int, channels: int | None) -> Picture:
    if isinstance(value, Image.Image):
        return value
    if not isinstance(value, Tensor | np.ndarray):
        raise ValueError(f"expected an image or (image, label), got {type(value).__name__}")
    array = value.movedim(0, -1) if isinstance(value, Tensor) and value.ndim == 3 else value
    array = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not array.size or not (array.ndim == 2 or (array.ndim == 3 and _has_channels_last(array))):
        expected = f"tensors are (C, H, W), arrays (H, W, C), with 1 to {_MOST_CHANNELS} channels"
        raise ValueError(f"an image cannot have the shape {tuple(value.shape)}: {expected}")
    levels = _levels(array, value_range, bits)
    if levels.dtype == np.uint8 and (levels.ndim == 2 or levels.shape[2] == 3 or (levels.shape[2] == 4 and channels)):
        return Image.fromarray(np.ascontiguousarray(levels))
    return ArrayPicture(np.atleast_3d(levels).transpose(2, 0, 1))


def _has_channels_last(array: np.ndarray) -> bool:
    """Tell whether the last axis can be that of channels: three or four, or another number below height and width."""
    height, width, channels = array.shape
    return channels in (3, 4) or channels < min(height, width, _MOST_CHANNELS + 1)


def _levels(array: np.ndarray, value_range: tuple[float, float] | None, bits: int) -> np.ndarray:
    """Return an image as uint8 or uint16: floating point with as many bits as are asked for."""
    if array.dtype in (np.uint8, np.uint16):
        return array
    if array.dtype.kind != "f":
        raise ValueError(f"an image cannot be {array.dtype}: return uint8, uint16 or floating point")
    content = f"{array.dtype} in [{array.min():.3g}, {array.max():.3g}]"
    if value_range is None:
        raise ValueError(f"the image is {content}; set dataset.value_range, to [0, 1] or [-1, 1] for example")
    black, white = value_range
    most = 2**bits - 1
    levels = (array.astype(np.float64) - black) * (most / (white - black)) if black < white else np.full(1, np.nan)
    if not ((levels > -0.5) & (levels < most + 0.5)).all():  # false for NaN, too
        raise ValueError(f"the image is {content}, outside dataset.value_range=[{black:g}, {white:g}]")
    return levels.round().astype(np.uint8 if bits == 8 else np.uint16)


def _label(value: Any) -> int | None:
    if value is None:
        return None
    try:
        label = operator.index(value)
    except TypeError:
        label = -1
    if label < 0:
        raise ValueError(f"{show(value)} is not a class number; return the image alone to train without labels")
    return label
