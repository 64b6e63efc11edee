"""MedMNIST (Yang et al. 2023): medical images in one file of arrays for each set."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.base import ImageData

_PLACE = "https://medmnist.com, or from where the package medmnist downloads it to"


class MedMNIST(ImageData):
    """Images of one of the twelve sets in two dimensions, grey or coloured, with its classes.

    A label of several findings (``chestmnist``) is not a class: such images have no labels here.

    Args:
        name: The set: ``pneumoniamnist``, ``bloodmnist``, ``dermamnist`` ...
        image_size: 28 pixels, or the larger files of MedMNIST+.
        split: The part to read.
        root: Folder of the files; default: ``medmnist`` in ``data`` of the cache folder.
        **options: Options of every dataset.
    """

    def __init__(
        self,
        name: str = "pneumoniamnist",
        image_size: Literal[28, 64, 128, 224] = 28,
        split: Literal["train", "val", "test"] = "train",
        root: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        folder = Path(root).expanduser() if root else cache_folder() / "data" / "medmnist"
        self._file = folder / (f"{name}.npz" if image_size == 28 else f"{name}_{image_size}.npz")
        self._name, self._split = name, split

    @property
    def facts(self) -> DataFacts:
        """The facts, from the file."""
        images, labels = self._arrays
        classes = 0 if labels is None else int(labels.max()) + 1
        return DataFacts(self._name, images.shape[1:3], images.shape[3], classes, len(images))

    @property
    def split(self) -> str:
        """The part that is read."""
        return self._split

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read the images: uint8 ``(N, C, H, W)``, and labels ``(N,)``, if there is one for each."""
        images, labels = self._arrays
        return torch.from_numpy(images).permute(0, 3, 1, 2), None if labels is None else torch.from_numpy(labels)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The images ``(N, H, W, C)``, and labels ``(N,)``.

        Raises:
            ConfigError: The file is missing or damaged.
        """
        if not self._file.is_file():
            raise ConfigError(f"dataset: there is no file {self._file}: put {self._file.name} of {_PLACE} there")
        try:
            with np.load(self._file, allow_pickle=False) as arrays:
                images = arrays[f"{self._split}_images"]
                known = arrays[f"{self._split}_labels"].astype(np.int64).reshape(len(images), -1)
        except Exception as error:  # NumPy raises exceptions of many types for damaged files
            raise ConfigError(f"dataset: {self._file} cannot be read ({error})") from None
        if (
            images.dtype != np.uint8
            or images.ndim not in (3, 4)
            or (images.ndim == 4 and images.shape[3] not in (1, 3))
        ):
            raise ConfigError(f"dataset.name: {self._name} holds {images.dtype} {images.shape[1:]}, not images")
        return images.reshape(*images.shape[:3], -1), known[:, 0] if known.shape[1] == 1 else None
