"""Images in an HDF5 file, as StudioGAN and BigGAN-PyTorch write it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.records import ImageRecords, RecordSource, listed, needed
from gan_experiments.data.files.listing import Listing
from gan_experiments.data.files.pictures import ArrayPicture, Opener

_KEY = "dataset.path"


class HDF5File(RecordSource):
    """Two arrays of an HDF5 file: images, and the labels that they may have.

    Args:
        path: The file.
        images: Name of the array of images.
        labels: Name of the array of labels.
    """

    def __init__(self, path: Path, images: str, labels: str) -> None:
        self.path, self.key = path, _KEY
        self._images, self._labels = images, labels

    def listing(self) -> Listing:
        """Return the numbers of the images, with their labels.

        Raises:
            ConfigError: There is no such file, or it has no array of images.
        """
        with self._file() as file:
            if self._images not in file:
                known = ", ".join(file) or "nothing"
                raise ConfigError(f"dataset.images: {self.path} has no {self._images!r} (it has {known})")
            names = [str(number) for number in range(len(file[self._images]))]
            labels = [int(label) for label in file[self._labels][:]] if self._labels in file else None
        if labels is not None and len(labels) != len(names):
            raise ConfigError(f"dataset.labels: {len(labels):,} labels of {len(names):,} images in {self.path}")
        return listed(names, labels, (), [self.path], _KEY)

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that reads an image by its number."""
        with self._file() as file:
            images = file[self._images]
            yield lambda name: ArrayPicture.of(images[int(name)])

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

    Args:
        path: The file.
        images: Name of the array of images; that of StudioGAN's and BigGAN-PyTorch's files by default.
        labels: Name of the array of labels, if the file has it.
        **options: Options of every dataset of decoded images.
    """

    source: HDF5File

    def __init__(self, path: str, images: str = "imgs", labels: str = "labels", **options: Any) -> None:
        super().__init__(**options)
        self.source = HDF5File(Path(path).expanduser(), images, labels)
