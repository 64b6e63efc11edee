"""Sample grids of the same latents, or of the same inputs of translators, one per arm."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from gan_experiments.comparison.collect import CollectedRun
from gan_experiments.comparison.comparison import Comparison

_MOST = 12
_LARGEST_FILE = 200_000  # bytes; a larger image is scaled down
_LARGEST_SIDE = 700  # pixels


class SampleGrid(NamedTuple):
    """The sample grid of an arm: the content of an image file, with run and images seen as its caption."""

    label: str
    caption: str
    data: bytes
    media_type: str


def sample_grids(comparison: Comparison) -> tuple[str, list[SampleGrid]]:
    """Return a caption for all grids, and for each arm the last grid of its run with a common seed.

    Latents are a function of the seed, so the grids of one seed show the same; translators show the same inputs.
    """
    block = _common_block(comparison)
    grids, shared = [], "latents"
    for arm in comparison.arms[:_MOST]:
        run = arm.arm.runs.get(block) if block else None
        files = _files(run) if run is not None else []
        image = _read(files[-1]) if files else None
        if run is not None and image is not None:
            status = "" if run.status == "finished" else f", {run.status}"
            shared = "inputs" if "inputs" in run.record.get("dataset", {}) else "latents"
            grids.append(SampleGrid(arm.label, f"{run.name} at {int(files[-1].stem):,} images{status}", *image))
    seed = block[0] if block else ""
    note = f"The last sample grid of each arm's run with seed {seed}; all of them show the same {shared}."
    return (note + (f" Only the best {_MOST} arms are shown." if len(comparison.arms) > _MOST else ""), grids)


def _common_block(comparison: Comparison) -> tuple[str, ...] | None:
    """Return the block for which most arms have a grid; of several, the one with the lowest seed."""
    counts: dict[tuple[str, ...], int] = {}
    for arm in comparison.arms[:_MOST]:
        for block, run in arm.arm.runs.items():
            if _files(run):
                counts[block] = counts.get(block, 0) + 1
    return min(counts, key=lambda block: (-counts[block], int(block[0]), block), default=None)


def _files(run: CollectedRun) -> list[Path]:
    """Return the sample grids of a run except the one before its first step."""
    seen = run.recorded("images_seen") if run.status == "finished" else None  # it may have been made longer since
    return [path for count, path in run.folder.grids().items() if 0 < count <= (seen or count)]


def _read(path: Path) -> tuple[bytes, str] | None:
    """Return an image file, scaled down if it is large, and its media type; ``None`` if it cannot be read."""
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
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
