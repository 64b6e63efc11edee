"""Index of the images in tar shards: offset, size and label of each, cached in a memory-mapped file."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from gan_experiments.core.cache import read_or_make
from gan_experiments.core.files import replacing, write_json
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.framing import refuse_bomb
from gan_experiments.data.files.listing import LARGEST_FILE, suffixes
from gan_experiments.data.files.pictures import ARRAY, open_picture, upright_size
from gan_experiments.data.files.unreadable import problem, refuse, warn
from gan_experiments.data.parallel import in_order, with_progress

ENTRY = np.dtype([("offset", "<u8"), ("size", "<u4"), ("label", "<i4")])
_VERSION = 2  # of the file format: raise it when the same shards would give another file
_BEGINNING = 2**16  # bytes of an image file that are read; they contain most formats' headers
_SIZES = 100  # most frequent image sizes that are kept
_BLOCK = 512  # bytes of a tar header


@dataclass
class ShardStatistics:
    """What a :class:`ShardIndex` says of its samples, so far or of one shard; the label -1 stands for none."""

    sizes: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    labels: Counter[int] = field(default_factory=Counter)
    others: int = 0
    digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))


@dataclass(frozen=True)
class ShardIndex:
    """Index of the images of a set of shards, numbered across the shards.

    Attributes:
        shards: The tar files.
        entries: Offset in its shard, size and label (-1: none) of each image: ``ENTRY``, ``(N,)``.
        counts: Number of images in each shard: int64, ``(S,)``.
        class_sizes: Number of images of each class; empty for unlabelled data.
        skipped: Unreadable images by shard and name, with the reason.
        sizes: Number of images of each size, such as ``"640x480"``.
        others: Number of samples without an image.
        fingerprint: Hash of labels, sizes and first bytes of the image files.
    """

    shards: tuple[Path, ...]
    entries: np.ndarray
    counts: Tensor
    class_sizes: tuple[int, ...]
    skipped: dict[str, str]
    sizes: dict[str, int]
    others: int
    fingerprint: str

    def shard_of(self, numbers: Tensor) -> Tensor:
        """Return the shard of each image, as an index into ``shards``: int64."""
        return torch.searchsorted(self._ends, numbers, right=True)

    def name(self, number: int) -> str:
        """Return the shard of an image and its name in it, for a message; its number where the shard is gone."""
        shard = self.shards[int(self.shard_of(torch.tensor(number)))]
        try:
            with shard.open("rb") as file:
                file.seek(int(self.entries[number]["offset"]) - _BLOCK)
                header = file.read(_BLOCK)
        except OSError:
            return f"{shard}: image {number:,}"
        return f"{shard}: {header[:100].rstrip(bytes(1)).decode('utf-8', 'replace')}"

    @cached_property
    def _ends(self) -> Tensor:
        return self.counts.cumsum(0)


def load_index(shards: Sequence[Path], folder: Path, name: str, max_bad: int) -> ShardIndex:
    """Map the index of shards from the cache; index the shards first if it is not there.

    One of several processes writes the index, the others wait for it. Shards are identified by path, size and
    modification time; the name of the index file begins with ``name``.

    Raises:
        ConfigError: Shards are missing or damaged, more images are unreadable, or the index cannot be written.
    """
    file = folder / f"{name}-{_key(shards)}.index"

    def scan() -> ShardIndex:
        _write(file, shards, max_bad)
        written = _read(file, shards)
        assert written is not None
        return written

    try:
        index = read_or_make(file, lambda: _read(file, shards), scan)
    except OSError as error:
        elsewhere = "$GAN_EXPERIMENTS_CACHE says where else"
        raise ConfigError(f"dataset: {file} cannot be written ({error.strerror or error}); {elsewhere}") from error
    count = len(index.entries) + len(index.skipped)
    refuse(index.skipped, count, max_bad)
    warn(index.skipped, count)
    return index


def _key(shards: Sequence[Path]) -> str:
    digest, missing = hashlib.blake2b(f"{_VERSION}".encode(), digest_size=8), []
    for shard in shards:
        try:
            state = shard.stat()
        except OSError:
            missing.append(str(shard))
        else:
            digest.update(f"{shard.resolve()}\x1f{state.st_size}\x1f{state.st_mtime_ns}\x1e".encode())
    if missing:
        names = first_few(missing, 3)
        raise ConfigError(f"dataset.urls: {len(missing)} of {len(shards)} shards are missing: {names}")
    return digest.hexdigest()


def _read(file: Path, shards: Sequence[Path]) -> ShardIndex | None:
    """Map an index file; ``None`` if it is missing or incomplete."""
    try:
        about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        entries = np.memmap(file, ENTRY, mode="r")
        counts = torch.tensor(about.pop("counts"))
        about["class_sizes"] = tuple(about["class_sizes"])
        index = ShardIndex(tuple(shards), entries, counts, **about)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if len(entries) == int(counts.sum()) else None


def _write(file: Path, shards: Sequence[Path], max_bad: int) -> None:
    """Index all shards; the description of the file is written last, so only complete files are read."""
    file.with_suffix(".json").unlink(missing_ok=True)
    total, counts = ShardStatistics(), []
    with replacing(file) as temporary, temporary.open("wb") as out:
        scans = in_order(_scan, shards)
        for entries, statistics in with_progress(scans, f"indexing {len(shards)} shards", len(shards)):
            out.write(entries.tobytes())
            counts.append(len(entries))
            _add(total, statistics)
            refuse(total.skipped, None, max_bad)
        if not sum(counts):
            refuse(total.skipped, len(total.skipped), max_bad)
            raise ConfigError(f"dataset.urls: there are no images in {shards[0]}{' ...' * (len(shards) > 1)}")
        class_sizes = _class_sizes(total.labels)
    about = {
        "counts": counts,
        "class_sizes": class_sizes,
        "skipped": total.skipped,
        "sizes": dict(total.sizes.most_common(_SIZES)),
        "others": total.others,
        "fingerprint": total.digest.hexdigest(),
    }
    write_json(file.with_suffix(".json"), about)
    print(f"indexed {sum(counts):,} images of {len(shards):,} shards in {file}", file=sys.stderr)


def _add(total: ShardStatistics, statistics: ShardStatistics) -> None:
    total.sizes.update(statistics.sizes)
    total.labels.update(statistics.labels)
    total.skipped.update(statistics.skipped)
    total.others += statistics.others
    total.digest.update(statistics.digest.digest())


def _class_sizes(labels: Counter[int]) -> list[int]:
    """Return the number of images of each class.

    Raises:
        ConfigError: Only some of the images have labels, or a class has no image.
    """
    unlabelled = labels.pop(-1, 0)
    if unlabelled and labels:
        raise ConfigError(f"dataset.urls: {unlabelled:,} images have no label (.cls), {labels.total():,} have one")
    empty = [str(label) for label in range(min(len(labels), max(labels, default=0) + 1)) if label not in labels]
    if empty:
        raise ConfigError(f"dataset.urls: labels go up to {max(labels)}, but no image has label {empty[0]}")
    return [labels[label] for label in range(len(labels))]


def _scan(shard: Path) -> tuple[np.ndarray, ShardStatistics]:
    """List the images of one shard."""
    from webdataset.tariterators import group_by_keys  # the format's rule for which files form a sample

    if shard.is_dir():
        text = f"{shard} is a folder: name its archives, such as '{shard}/{{0000..0002}}.tar'"
        raise ConfigError(f"dataset.urls: {text}, or take dataset=image_folder dataset.root={shard}")
    statistics, entries = ShardStatistics(), []
    formats, array = {suffix[1:] for suffix in suffixes()}, ARRAY[1:]
    try:
        with shard.open("rb") as file:
            for sample in group_by_keys(_members(shard, file), suffixes={*formats, array, "cls"}):
                image = next((suffix for suffix in sample if suffix in formats), array if array in sample else None)
                if image is None:
                    statistics.others += 1
                    if "cls" in sample:
                        raise ValueError(f"{sample['__key__']}.cls has no image")
                    continue
                name = f"{shard}: {sample['__key__']}.{image}"
                if _inspect(name, file, sample[image], statistics):
                    label = _label(file, sample["cls"]) if "cls" in sample else -1
                    statistics.labels[label] += 1
                    statistics.digest.update(f"{label} {sample[image][1]}".encode())
                    entries.append((*sample[image], label))
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        text = f"{shard} is not an uncompressed tar archive, or is damaged"
        raise ConfigError(f"dataset.urls: {text} ({' '.join(str(error).split())})") from error
    return np.array(entries, dtype=ENTRY), statistics


def _members(shard: Path, file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield name, offset and size of the files of a shard, in the form that webdataset's functions take."""
    end = os.fstat(file.fileno()).st_size
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined] # otherwise all of them stay in memory
            if member.offset_data + member.size > end:
                raise tarfile.ReadError(f"truncated in {member.name}")
            if member.isreg() and not member.issparse() and not member.name.startswith("__"):
                yield {"fname": member.name, "data": (member.offset_data, member.size), "__url__": str(shard)}


def _inspect(name: str, file: BinaryIO, extent: tuple[int, int], statistics: ShardStatistics) -> bool:
    """Read the first bytes of an image file, and return whether it is an image."""
    offset, size = extent
    beginning = os.pread(file.fileno(), min(size, _BEGINNING), offset)
    try:
        if size > LARGEST_FILE:
            raise ValueError("larger than 1 GiB")
        try:
            image = open_picture(beginning)
        except Exception:  # Pillow raises exceptions of many types for damaged files
            if size <= _BEGINNING:
                raise
            image = open_picture(os.pread(file.fileno(), size, offset))
        refuse_bomb(image)
    except Exception as error:
        statistics.skipped[name] = problem(error)
        return False
    statistics.sizes[upright_size(image, header_alone=True)] += 1
    statistics.digest.update(beginning)
    return True


def _label(file: BinaryIO, extent: tuple[int, int]) -> int:
    offset, size = extent
    label = int(os.pread(file.fileno(), min(size, 20), offset))
    if not 0 <= label < 2**31:
        raise ValueError(f"invalid label {label}")
    return label
