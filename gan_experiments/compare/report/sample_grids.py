"""Sample grids of the same latents, one of each arm."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from gan_experiments.compare.collect import Run
from gan_experiments.compare.comparison import Comparison

_MOST = 12
_LARGEST_FILE = 200_000  # bytes; a larger picture is made smaller
_LARGEST_SIDE = 700  # pixels


class Picture(NamedTuple):
    """A sample grid.

    Attributes:
        label: The arm.
        caption: Where it comes from.
        data: The file.
        kind: Its media type.
    """

    label: str
    caption: str
    data: bytes
    kind: str


def pictures(comparison: Comparison) -> tuple[str, list[Picture]]:
    """Return how to look at the grids, and the last grid of each arm's run of one common seed.

    Latents are a function of the seed, so runs of one seed show the same ones.
    """
    block = _common_block(comparison)
    found = []
    for arm in comparison.arms[:_MOST]:
        run = arm.arm.runs.get(block) if block else None
        grids = _grids(run) if run is not None else []
        picture = _read(grids[-1]) if grids else None
        if run is not None and picture is not None:
            status = "" if run.status == "finished" else f", {run.status}"
            found.append(Picture(arm.label, f"{run.name} at {int(grids[-1].stem):,} images{status}", *picture))
    seed = block[0] if block else ""
    note = f"The same latents in the runs of seed {seed}, at the last grid of each."
    return (note + (f" The best {_MOST} arms." if len(comparison.arms) > _MOST else ""), found)


def _common_block(comparison: Comparison) -> tuple[str, ...] | None:
    """Return the block that most arms have a grid of; of several, the one with the lowest seed."""
    counts: dict[tuple[str, ...], int] = {}
    for arm in comparison.arms[:_MOST]:
        for block, run in arm.arm.runs.items():
            if _grids(run):
                counts[block] = counts.get(block, 0) + 1
    return min(counts, key=lambda block: (-counts[block], int(block[0]), block), default=None)


def _grids(run: Run) -> list[Path]:
    """Return the grids along the run; one before the first step shows nothing."""
    return [path for path in sorted(run.folder.samples.glob("[0-9]*.png")) if path.stem.isdigit() and int(path.stem)]


def _read(path: Path) -> tuple[bytes, str] | None:
    """Return the picture as it is, or smaller if it would make the page heavy; ``None`` if it cannot be read."""
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            if len(data) <= _LARGEST_FILE:
                image.verify()
                return data, "image/png"
            small = image.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None
    small.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=85)
    return file.getvalue(), "image/jpeg"
