"""Images in an LMDB, one encoded image a key, as LSUN is published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.records import ImageRecords, RecordSource, listed, needed
from gan_experiments.data.files.listing import LARGEST_FILE, Listing
from gan_experiments.data.files.pictures import Opener, open_picture

_KEY = "dataset.path"
_CODE = "latin-1"  # in which any key is a text


class LMDBFolder(RecordSource):
    """The values of an LMDB, which are image files; ``missing`` is said where its folder holds no ``data.mdb``."""

    def __init__(self, path: Path) -> None:
        self.path, self.key = path, _KEY
        self.missing = f"{_KEY}: there is no data.mdb in {path}"

    def listing(self) -> Listing:
        """Return the keys.

        Raises:
            ConfigError: There is no LMDB, or it is empty.
        """
        with self._environment() as environment, environment.begin() as transaction:
            names = [bytes(key).decode(_CODE) for key in transaction.cursor().iternext(values=False)]
        return listed(names, None, (), [self.path / "data.mdb"], _KEY)

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens an image by its key."""
        with self._environment() as environment:

            def open_(name: str) -> Any:
                with environment.begin() as transaction:
                    content = transaction.get(name.encode(_CODE))
                if len(content) > LARGEST_FILE:
                    raise ValueError("larger than 1 GiB")
                return open_picture(content)

            yield open_

    @contextmanager
    def _environment(self) -> Iterator[Any]:
        data = self.path / "data.mdb"
        if not data.is_file():
            raise ConfigError(self.missing)
        lmdb = needed("lmdb", "lmdb", _KEY)
        try:
            environment = lmdb.open(str(self.path), readonly=True, lock=False, readahead=False)
        except lmdb.Error as error:
            raise ConfigError(f"{_KEY}: {self.path} cannot be read ({error})") from None
        with environment:
            # Pages are mapped: one that is missing would end the process.
            if (environment.info()["last_pgno"] + 1) * environment.stat()["psize"] > data.stat().st_size:
                raise ConfigError(f"{_KEY}: {data} is shorter than it says: its end is missing")
            yield environment


class LMDB(ImageRecords):
    """Images of an LMDB, in the order of their keys, without labels.

    Args:
        path: The folder that holds ``data.mdb``.
        **options: Options of every dataset of decoded images.
    """

    source: LMDBFolder

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(**options)
        self.source = LMDBFolder(Path(path).expanduser())
