"""Decoded and resized pictures, kept in one file that is mapped into memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import torch
from filelock import FileLock
from PIL import UnidentifiedImageError
from rich.console import Console
from rich.progress import track
from torch import Tensor

from gan_experiments.data.framing import Framing
from gan_experiments.data.listing import Opener
from gan_experiments.files import replacing, write_json
from gan_experiments.types import ConfigError

_CHUNK_BYTES = 2**20  # of pixels that one thread makes at a time
_TOLD = 3  # bad images that a message names


class _Frame(NamedTuple):
    """A picture's pixels and its size in the file; or the reason why it has none."""

    pixels: np.ndarray | None
    size: str
    problem: str = ""


@dataclass(frozen=True)
class Pixels:
    """What came out of a list of pictures.

    Attributes:
        images: uint8, ``(N, C, H, W)``, mapped from the file: memory is used only for what is looked at.
        skipped: The pictures that could not be read, by their place in the list, with the reason.
        sizes: How many pictures had which size in their files, as ``"640x480"``.
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
    """Map the images of a list of pictures, after decoding them once if that has not been done.

    Of several processes one decodes, the others wait for its file. Only whole files are ever left behind.

    Args:
        folder: Where such files are kept.
        name: What the file's name begins with.
        listing_key: Says which content the pictures have.
        names: The pictures.
        opened: Gives what opens them.
        framing: What to make of them.
        max_bad: How many pictures may be unreadable.

    Raises:
        ConfigError: More are; or the file cannot be written.
    """
    recipe = json.dumps({"content": listing_key, **framing.recipe()}, sort_keys=True)
    key = hashlib.blake2b(recipe.encode(), digest_size=8).hexdigest()
    file = folder / f"{name}-{key}.u8"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            found = _read(file)
            if found is None:
                for leftover in folder.glob(f".{file.stem}.*.tmp"):
                    leftover.unlink()  # of a process that was killed
                _require_space(folder, len(names) * framing.channels * framing.image_size**2)
                with opened as open_:
                    _write(file, names, open_, framing, max_bad)
                found = _read(file)
    except OSError as error:
        place = "$GAN_EXPERIMENTS_CACHE says where else"
        raise ConfigError(f"dataset: {file} cannot be written ({error.strerror or error}); {place}") from error
    assert found is not None
    if len(found.skipped) > max_bad:
        _refuse_bad(names, found.skipped, max_bad)
    if found.skipped:
        bad = f"{len(found.skipped)} of {len(names):,} images cannot be read and are left out"
        print(f"Warning: {bad}: {_told(names, found.skipped)}", file=sys.stderr)
    return found


def _read(file: Path) -> Pixels | None:
    """Map a file; ``None`` if it is not there or not whole."""
    try:
        about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        shape = about["shape"]
        if file.stat().st_size != np.prod(shape):
            return None
        # Copy-on-write: torch knows no tensors that cannot be written to.
        images = torch.from_numpy(np.memmap(file, np.uint8, mode="c", shape=tuple(shape)))
        skipped = {int(place): reason for place, reason in about["skipped"].items()}
        return Pixels(images, skipped, about["sizes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(file: Path, names: Sequence[str], open_: Opener, framing: Framing, max_bad: int) -> None:
    """Decode all pictures into a file; what describes it comes last, so that only a whole file is ever read."""
    skipped: dict[int, str] = {}
    sizes: Counter[str] = Counter()
    file.with_suffix(".json").unlink(missing_ok=True)
    console = Console(stderr=True)
    with replacing(file) as temporary, temporary.open("wb") as out:
        frames: Iterable[_Frame] = _frames(names, open_, framing)
        if console.is_terminal:
            frames = track(frames, f"decoding {file.stem}", len(names), console=console)
        for place, frame in enumerate(frames):
            if frame.pixels is None:
                skipped[place] = frame.problem
                if len(skipped) > max_bad or len(skipped) == len(names):
                    _refuse_bad(names, skipped, max_bad)
            else:
                sizes[frame.size] += 1
                out.write(frame.pixels.tobytes())
    shape = [len(names) - len(skipped), framing.channels, framing.image_size, framing.image_size]
    about = {"shape": shape, "skipped": skipped, "sizes": dict(sizes.most_common()), "recipe": framing.recipe()}
    write_json(file.with_suffix(".json"), about)
    print(f"decoded {shape[0]:,} images into {file}", file=sys.stderr)


def _frames(names: Sequence[str], open_: Opener, framing: Framing) -> Iterator[_Frame]:
    """Decode pictures with all cores, in their order, only a few chunks ahead of the reader.

    Threads, because Pillow decodes and resizes without Python's lock, and they need no second start of the program.
    """
    size = max(1, _CHUNK_BYTES // (framing.channels * framing.image_size**2))
    workers = os.cpu_count() or 1
    waiting: deque[Future[list[_Frame]]] = deque()
    with ThreadPoolExecutor(workers) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about files that it can read all the same, or that are refused
        for start in range(0, len(names), size):
            waiting.append(pool.submit(_chunk, names[start : start + size], open_, framing))
            if len(waiting) > 2 * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _chunk(names: Sequence[str], open_: Opener, framing: Framing) -> list[_Frame]:
    return [_frame(name, open_, framing) for name in names]


def _frame(name: str, open_: Opener, framing: Framing) -> _Frame:
    try:
        with open_(name) as picture:
            return _Frame(framing(picture), f"{picture.width}x{picture.height}")
    except Exception as error:  # Pillow's readers raise whatever they stumble over
        return _Frame(None, "", _reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split())[:120] or type(error).__name__


def _refuse_bad(names: Sequence[str], skipped: dict[int, str], max_bad: int) -> NoReturn:
    what = f"more than max_bad={max_bad}" if len(skipped) > max_bad else "none"
    can = "cannot" if len(skipped) > max_bad else "can"
    raise ConfigError(f"dataset: {what} of {len(names):,} images {can} be read: {_told(names, skipped)}")


def _told(names: Sequence[str], skipped: dict[int, str]) -> str:
    """Name the first of the pictures that were skipped."""
    told = [f"{names[place]} ({reason})" for place, reason in list(skipped.items())[:_TOLD]]
    return ", ".join([*told, "..."] if len(skipped) > _TOLD else told)


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ConfigError(
            f"dataset: its cache in {folder} needs {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free; "
            "$GAN_EXPERIMENTS_CACHE says where else"
        )
