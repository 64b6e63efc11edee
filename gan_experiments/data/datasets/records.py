"""Base class of datasets whose images are the records of one file or folder: HDF5, Arrow and Parquet, LMDB."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.image_files import CachedImages
from gan_experiments.data.files.listing import Listing
from gan_experiments.data.files.pictures import Opened

_MOST_CLASSES = 100_000  # without names: a damaged label is not to fill the memory


class RecordSource(Opened):
    """Access to records: their names and labels, and the image of each."""

    def listing(self) -> Listing:
        """Return names and labels of the records."""
        raise NotImplementedError


class ImageRecords(CachedImages):
    """Images in records.

    Attributes:
        source: The records, set by the subclass.
    """

    source: RecordSource

    @cached_property
    def listing(self) -> Listing:
        """Names and labels of the records."""
        return self.source.listing()


def needed(package: str, extra: str, key: str) -> ModuleType:
    """Import a package of an extra.

    Raises:
        ConfigError: It is not installed; says how to install it.
    """
    try:
        return import_module(package)
    except ImportError:
        raise ConfigError(f"{key}: needs {package}: pip install 'gan-experiments[{extra}]'") from None


def listed(
    names: Sequence[str],
    labels: Sequence[int] | None,
    class_names: Sequence[str],
    files: Iterable[Path],
    key: str,
    column: str = "",
    label_key: str = "",
) -> Listing:
    """Return the listing of records, with a hash of the state of the files, and of the column that holds the images.

    Args:
        names: Of the records.
        labels: Their classes, if they have any.
        class_names: Names of the classes, if those are known.
        files: That hold the records.
        key: The option for the files.
        column: Which of their columns or arrays holds the images.
        label_key: The option for the labels.

    Raises:
        ConfigError: There are no records, or a label that is no class.
    """
    if not names:
        raise ConfigError(f"{key}: there are no images")
    digest = hashlib.blake2b(f"{column}\n".encode("utf-8", "surrogateescape"), digest_size=16)
    for file in files:
        state = file.stat()
        digest.update(f"{file.name} {state.st_size} {state.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    classes: tuple[str, ...] = ()
    if labels is not None:
        classes = tuple(class_names) or tuple(map(str, range(min(max(labels) + 1, _MOST_CLASSES))))
        wrong = next((label for label in labels if not 0 <= label < len(classes)), None)
        if wrong is not None:
            allowed = f"none of 0 to {len(classes) - 1}" if classes else "negative"
            raise ConfigError(f"{label_key}: the label {wrong} is {allowed}; {label_key}=false goes without labels")
    return Listing(tuple(names), None if labels is None else tuple(labels), classes, (), digest.hexdigest())
