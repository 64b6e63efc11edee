"""Datasets of Hugging Face, from Arrow and Parquet files on this machine: no script is run, and no network is used."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gan_experiments.core.text import first_few, first_line, show
from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.records import ImageRecords, RecordSource, listed, needed
from gan_experiments.data.files.listing import SPLITS, Listing
from gan_experiments.data.files.pictures import Opener, Picture, open_picture

_KEY = "dataset.path"
_KEPT = 8  # parts of Parquet files in memory


class _Part(NamedTuple):
    """A part of the rows: its file, their number, their schema, and a function that reads some columns of them."""

    file: Path
    rows: int
    schema: Any
    read: Callable[[list[str]], Any]


class HuggingFaceFiles(RecordSource):
    """The rows of Arrow or Parquet files with a column of images; the arguments are those of :class:`HuggingFace`.

    A split is a folder, or the name of files, its beginning or its end.
    """

    def __init__(self, path: Path, split: str, image: str | None, label: str | Literal[False] | None) -> None:
        self.path, self.key = path, _KEY
        self._split, self._image, self._label = split, image, label

    def listing(self) -> Listing:
        """Return the numbers of the rows, with their labels.

        Raises:
            ConfigError: There are no such files, or no column of images.
        """
        image, label = self._image_column, self._label_column
        self._check_columns({"image": image, "label": label})
        count = sum(part.rows for part in self._parts)
        labels = None
        if label is not None:
            labels = [value for part in self._parts for value in part.read([label]).column(label).to_pylist()]
            wrong = [value for value in labels if not isinstance(value, int) or value < 0]
            if wrong and self._label:
                raise ConfigError(f"dataset.label: {label!r} holds {show(wrong[0])}, not the number of a class")
            labels = None if wrong else labels  # a guess that was none, or a split whose labels are kept secret
        given = self._features.get(label or "", {}).get("names")
        names = list(map(str, given)) if isinstance(given, list) else []
        return listed([str(row) for row in range(count)], labels, names, self._files, _KEY, image, "dataset.label")

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens the image of a row by its number."""
        column, ends = self._image_column, list(accumulate(part.rows for part in self._parts))
        read = lru_cache(_KEPT)(lambda part: self._parts[part].read([column]).column(column))

        def open_(name: str) -> Picture:
            part = bisect_right(ends, int(name))
            value = read(part)[int(name) - (ends[part] - self._parts[part].rows)].as_py()
            content = value.get("bytes") if isinstance(value, Mapping) else value
            if not isinstance(content, bytes):
                raise ValueError("a path in the place of an image's content; save_to_disk stores the content")
            return open_picture(content)

        yield open_

    @cached_property
    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        if not self.path.is_dir():
            raise ConfigError(f"{_KEY}: there is no file or folder {self.path}")
        folder = self.path
        if (folder / "dataset_dict.json").is_file() or (folder / self._split).is_dir():
            folder = folder / self._split
        if (folder / "state.json").is_file():
            try:
                files = json.loads((folder / "state.json").read_text(encoding="utf-8"))["_data_files"]
                return [folder / Path(file["filename"]).name for file in files]
            except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
                raise ConfigError(f"{_KEY}: {folder / 'state.json'} is damaged ({first_line(error)})") from None
        data_files = sorted(file for suffix in ("parquet", "arrow") for file in folder.rglob(f"*.{suffix}"))
        if not data_files:
            splits = sorted(file.parent.name for file in self.path.glob("*/state.json"))
            hint = f"; dataset.split is one of {', '.join(splits)}" if splits else ""
            raise ConfigError(f"{_KEY}: there are no .parquet or .arrow files in {folder}{hint}")
        return self._of_split(data_files)

    def _of_split(self, data_files: list[Path]) -> list[Path]:
        """Return the files of the split by their folders and names; all, if no split can be made out."""
        words = [_words(file.relative_to(self.path)) for file in data_files]
        exact = [file for file, those in zip(data_files, words, strict=True) if self._split in those]
        ends = tuple(f"{mark}{self._split}" for mark in "-_."), tuple(f"{self._split}{mark}" for mark in "-_.")
        near = [
            file
            for file, those in zip(data_files, words, strict=True)
            if those[-1].endswith(ends[0]) or those[-1].startswith(ends[1])
        ]
        if exact or near:
            return exact or near
        splits = sorted({split for those in words for split in _splits(those)})
        if splits or self._split != "train":
            hint = f"; it is one of {', '.join(splits)}" if splits else ""
            raise ConfigError(f"dataset.split: no file in {self.path} is of {self._split!r}{hint}")
        return data_files

    @cached_property
    def _parts(self) -> list[_Part]:
        return [part for file in self._files for part in self._parts_of(file)]

    def _parts_of(self, file: Path) -> list[_Part]:
        pyarrow = needed("pyarrow", "huggingface", _KEY)
        try:
            if file.suffix == ".parquet":
                parquet = needed("pyarrow.parquet", "huggingface", _KEY).ParquetFile(file)
                groups, schema = range(parquet.num_row_groups), parquet.schema_arrow
                rows = [parquet.metadata.row_group(group).num_rows for group in groups]
                return [_Part(file, rows[group], schema, partial(parquet.read_row_group, group)) for group in groups]
            mapped = pyarrow.memory_map(str(file))
            try:
                table = pyarrow.ipc.open_stream(mapped).read_all()
            except pyarrow.ArrowInvalid:
                table = pyarrow.ipc.open_file(mapped).read_all()
        except (OSError, pyarrow.ArrowException) as error:
            raise ConfigError(f"{_KEY}: {file} cannot be read ({' '.join(str(error).split())[:120]})") from None
        return [_Part(file, table.num_rows, table.schema, table.select)]

    @property
    def _schema(self) -> Any:
        if not self._parts:
            raise ConfigError(f"{_KEY}: there are no rows in {self.path}")
        return self._parts[0].schema

    @property
    def _features(self) -> dict[str, Any]:
        """What Hugging Face's library says of the columns, if the files were written by it."""
        about = (self._schema.metadata or {}).get(b"huggingface", b"{}")
        try:
            features = json.loads(about).get("info", {}).get("features", {}).items()
            return {name: feature for name, feature in features if isinstance(feature, dict)}
        except (ValueError, AttributeError, RecursionError) as error:
            raise ConfigError(f"{_KEY}: the metadata in {self._files[0]} are damaged ({first_line(error)})") from None

    @property
    def _image_column(self) -> str:
        schema = self._schema
        known = [name for name, feature in self._features.items() if feature.get("_type") == "Image"]
        known += [name for name in schema.names if str(schema.field(name).type).startswith(("struct<bytes", "binary"))]
        wanted = self._image or next(iter(known), None)
        if wanted is None or wanted not in schema.names:
            what = "no column holds images" if wanted is None else f"no column {wanted!r}"
            raise ConfigError(f"dataset.image: {what}; the columns are {', '.join(schema.names)}")
        return wanted

    @property
    def _label_column(self) -> str | None:
        names = self._schema.names
        if self._label is False:
            return None
        if self._label is not None and self._label not in names:
            raise ConfigError(f"dataset.label: no column {self._label!r}; the columns are {', '.join(names)}")
        classes = [name for name, feature in self._features.items() if feature.get("_type") == "ClassLabel"]
        usual = "label" if any("label" in part.schema.names for part in self._parts) else None
        return self._label or next(iter(classes), usual)

    def _check_columns(self, chosen: Mapping[str, str | None]) -> None:
        """Refuse files that lack a column which others have, by the option that names it."""
        problems = []
        for option, column in chosen.items():
            without = dict.fromkeys(part.file.name for part in self._parts if column not in part.schema.names)
            if column is not None and without:
                go = "; dataset.label=false goes without labels" if option == "label" else ""
                problems.append(f"dataset.{option}: there is no column {column!r} in {first_few(without, 3)}{go}")
        if problems:
            raise ConfigError([*problems, f"{_KEY}: all files of a split need the same columns"])


def _words(file: Path) -> list[str]:
    """Return the folders of a file and its name without the number of its part."""
    return [*file.parts[:-1], re.sub(r"-\d+(-of-\d+)?$", "", file.stem)]


def _splits(words: list[str]) -> set[str]:
    """Return the usual names of splits in the folders and the name of a file."""
    return SPLITS & {part for word in words for part in re.split(r"[-_.]", word)}


class HuggingFace(ImageRecords):
    """Images of a dataset of Hugging Face that is on this machine: what ``save_to_disk`` wrote, or its Parquet files.

    The files are read as data by pyarrow: no code of the dataset is run, whatever the folder holds.

    Args:
        path: The folder, or one file.
        split: Of a folder with several splits.
        image: Name of the column of images; default: the first one that holds images.
        label: Name of the column of labels; default: the first one of classes, or ``label``, if there is one;
            ``False``: the images have no labels.
        **options: Options of every dataset of decoded images.
    """

    source: HuggingFaceFiles

    def __init__(
        self,
        path: str,
        split: str = "train",
        image: str | None = None,
        label: str | Literal[False] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.source = HuggingFaceFiles(Path(path).expanduser(), split, image, label)
