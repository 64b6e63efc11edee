"""Images in an HDF5 file, as StudioGAN and BigGAN-PyTorch write it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.records import ImageRecords, RecordSource, listed, needed
from gan_experiments.data.files.listing import Listing
from gan_experiments.data.files.pictures import ArrayPicture, Opener

_KEY = "dataset.path"
_LABELS = "labels"  # which need not be there


class HDF5File(RecordSource):
    """Two arrays of an HDF5 file, by their names: images, and the labels that they may have."""

    def __init__(self, path: Path, images: str, labels: str | Literal[False]) -> None:
        self.path, self.key = path, _KEY
        self._images, self._labels = images, labels

    def listing(self) -> Listing:
        """Return the numbers of the images, with their labels.

        Raises:
            ConfigError: There is no such file, or no array of images in it, or labels that are not one integer each.
        """
        with self._file() as file:
            names = [str(number) for number in range(len(self._images_of(file)))]
            labels = self._labels_of(file)
        if labels is not None and len(labels) != len(names):
            raise ConfigError(f"dataset.labels: {len(labels):,} labels of {len(names):,} images in {self.path}")
        return listed(names, labels, (), [self.path], _KEY, self._images, "dataset.labels")

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that reads an image by its number."""
        with self._file() as file:
            images = self._images_of(file)
            yield lambda name: ArrayPicture.of(images[int(name)])

    def _images_of(self, file: Any) -> Any:
        images = self._array(file, self._images, "dataset.images")
        if images is None:
            raise self._missing(file, self._images, "dataset.images")
        if images.ndim not in (3, 4):
            raise ConfigError(f"dataset.images: {self._images!r} has the shape {images.shape}, not that of images")
        return images

    def _labels_of(self, file: Any) -> list[int] | None:
        if self._labels is False:
            return None
        labels = self._array(file, self._labels, "dataset.labels")
        if labels is None:
            if self._labels != _LABELS:
                raise self._missing(file, self._labels, "dataset.labels")
            return None
        shape = labels.shape if labels.shape is None or labels.shape[1:] != (1,) else labels.shape[:1]
        if shape is None or len(shape) != 1 or labels.dtype.kind not in "biu":
            shown_type = f"{labels.shape} of {labels.dtype}"
            raise ConfigError(f"dataset.labels: {self._labels!r} is {shown_type}, not one integer for each image")
        return [int(label) for label in labels[:].reshape(-1)]

    def _array(self, file: Any, name: str, key: str) -> Any:
        """Return an array, ``None`` if there is none; refuse one that would read other files of the user's."""
        h5py, node = needed("h5py", "hdf5", _KEY), file
        for part in filter(None, name.split("/")):
            links = node.id.links if isinstance(node, h5py.Group) else None
            if links is None or not links.exists(part.encode()):
                return None
            if links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
                raise ConfigError(f"{key}: {name!r} is a link in {self.path}, which could lead to other files")
            node = node[part]
        if not isinstance(node, h5py.Dataset):
            raise ConfigError(f"{key}: {name!r} is no array in {self.path}")
        if node.external or node.is_virtual:
            raise ConfigError(f"{key}: {name!r} is stored in other files than {self.path}")
        return node

    def _missing(self, file: Any, name: str, key: str) -> ConfigError:
        return ConfigError(f"{key}: {self.path} has no {name!r} (it has {', '.join(file) or 'nothing'})")

    @contextmanager
    def _file(self) -> Iterator[Any]:
        h5py = needed("h5py", "hdf5", _KEY)
        try:
            file = h5py.File(self.path, "r")
        except OSError as error:
            raise ConfigError(f"{_KEY}: {self.path} cannot be read ({' '.join(str(error).split())})") from None
        with file:
            yield file


class HDF5(ImageRecords):
    """Images of an HDF5 file: an array ``(N, C, H, W)`` or ``(N, H, W, C)`` of uint8 or uint16, and labels ``(N,)``.

    Both must be in the file itself: links, and arrays stored elsewhere, could be any file of the user's: refused.

    Args:
        path: The file.
        images: Name of the array of images; that of StudioGAN's and BigGAN-PyTorch's files by default.
        labels: Name of the array of labels, if the file has it; ``False``: the images have no labels.
        **options: Options of every dataset of decoded images.
    """

    source: HDF5File

    def __init__(self, path: str, images: str = "imgs", labels: str | Literal[False] = _LABELS, **options: Any) -> None:
        super().__init__(**options)
        self.source = HDF5File(Path(path).expanduser(), images, labels)
