"""Cache of decoded and resized images: one file, mapped into memory."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_experiments.core.cache import read_or_make, short_hash
from gan_experiments.core.files import replacing, write_json
from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.framing import Framing
from gan_experiments.data.files.pictures import Opener, upright_size
from gan_experiments.data.files.unreadable import problem, refuse, warn
from gan_experiments.data.parallel import in_order, with_progress

_CHUNK_BYTES = 2**20  # of pixels that a thread decodes at a time


class _Frame(NamedTuple):
    """The pixels of an image and its size in the file; or the reason why it is unreadable."""

    pixels: np.ndarray | None
    size: str
    problem: str = ""


@dataclass(frozen=True)
class Pixels:
    """The decoded images of a list of image files.

    Attributes:
        images: uint8 or uint16, ``(N, C, H, W)``, mapped from the cache file, so only pages in use take memory.
        skipped: Indices of the unreadable files in the list, with the reason.
        sizes: Number of files with each image size, such as ``"640x480"``.
    """

    images: Tensor
    skipped: dict[int, str]
    sizes: dict[str, int]


def load_pixels(
    folder: Path,
    name: str,
    listing_key: str,
    names: Sequence[str],
    opened: AbstractContextManager[Opener],
    framing: Framing,
    max_bad: int,
) -> Pixels:
    """Map the pixels of a list of image files from the cache; decode the files first if they are not in it.

    One of several processes decodes, the others wait for its file. Cache files are written completely or not at all;
    their names begin with ``name``. ``listing_key`` is a hash of the content of the image files.

    Raises:
        ConfigError: More than ``max_bad`` files are unreadable, or the cache file cannot be written.
    """
    recipe = json.dumps({"content": listing_key, **framing.recipe()}, sort_keys=True)
    file = folder / f"{name}-{short_hash(recipe)}.u{framing.bits}"
    try:
        pixels = read_or_make(
            file, lambda: _read(file, framing), lambda: _decode(file, names, opened, framing, max_bad)
        )
    except OSError as error:
        elsewhere = "$GAN_EXPERIMENTS_CACHE says where else"
        raise ConfigError(f"dataset: {file} cannot be written ({error.strerror or error}); {elsewhere}") from error
    bad = _named(names, pixels.skipped)
    refuse(bad, len(names), max_bad)
    warn(bad, len(names))
    return pixels


def _read(file: Path, framing: Framing) -> Pixels | None:
    """Map a cache file; ``None`` if it is missing or incomplete."""
    try:
        about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        shape = about["shape"]
        if file.stat().st_size != np.prod(shape) * framing.bits // 8:
            return None
        # Copy-on-write: torch knows no tensors that cannot be written to.
        images = torch.from_numpy(np.memmap(file, framing.dtype, mode="c", shape=tuple(shape)))
        skipped = {int(index): reason for index, reason in about["skipped"].items()}
        return Pixels(images, skipped, about["sizes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _decode(
    file: Path, names: Sequence[str], opened: AbstractContextManager[Opener], framing: Framing, max_bad: int
) -> Pixels:
    """Write the file and map it."""
    _require_space(file.parent, len(names) * _image_bytes(framing))
    with opened as open_:
        _write(file, names, open_, framing, max_bad)
    pixels = _read(file, framing)
    assert pixels is not None
    return pixels


def _write(file: Path, names: Sequence[str], open_: Opener, framing: Framing, max_bad: int) -> None:
    """Decode all image files into a cache file; its description is written last, so only complete files are read."""
    skipped: dict[int, str] = {}
    sizes: Counter[str] = Counter()
    file.with_suffix(".json").unlink(missing_ok=True)
    with replacing(file) as temporary, temporary.open("wb") as out:
        frames = with_progress(_frames(names, open_, framing), f"decoding {file.stem}", len(names))
        for index, frame in enumerate(frames):
            if frame.pixels is None:
                skipped[index] = frame.problem
                refuse(_named(names, skipped), len(names), max_bad)
            else:
                sizes[frame.size] += 1
                out.write(frame.pixels.tobytes())
    shape = [len(names) - len(skipped), *framing.shape]
    about = {"shape": shape, "skipped": skipped, "sizes": dict(sizes.most_common()), "recipe": framing.recipe()}
    write_json(file.with_suffix(".json"), about)
    print(f"decoded {shape[0]:,} images into {file}", file=sys.stderr)


def _frames(names: Sequence[str], open_: Opener, framing: Framing) -> Iterator[_Frame]:
    """Decode image files in order, in parallel."""
    size = max(1, _CHUNK_BYTES // _image_bytes(framing))
    chunks = (names[start : start + size] for start in range(0, len(names), size))
    for frames in in_order(lambda chunk: [_frame(name, open_, framing) for name in chunk], chunks):
        yield from frames


def _frame(name: str, open_: Opener, framing: Framing) -> _Frame:
    try:
        with open_(name) as image:
            return _Frame(framing(image), upright_size(image))
    except Exception as error:  # Pillow raises exceptions of many types for damaged files
        return _Frame(None, "", problem(error))


def _image_bytes(framing: Framing) -> int:
    return math.prod(framing.shape) * framing.bits // 8


def _named(names: Sequence[str], skipped: dict[int, str]) -> dict[str, str]:
    return {names[index]: reason for index, reason in skipped.items()}


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ConfigError(
            f"dataset: its cache in {folder} needs {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free; "
            "$GAN_EXPERIMENTS_CACHE says where else"
        )
