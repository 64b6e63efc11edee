"""What becomes of images that are not square where no image size is given: squares, which has to be said."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from gan_experiments.core.text import first_few
from gan_experiments.data.files.framing import Framing

_MAX_LISTED = 3  # sizes that a message names


def words(framing: Framing, sizes: Mapping[str, int], guessed: bool) -> str:
    """Return how images become those of the dataset, and what keeps rectangles that are cropped.

    ``sizes`` are the numbers of files with each image size, such as ``"640x480"``, the most frequent first; it is
    ``guessed`` where no image size is given.
    """
    return f"{framing.resize}, {framing.part}{_way_out(_cropped(sizes) if guessed else {})}"


def warn(sizes: Mapping[str, int], guessed: bool) -> None:
    """Print a warning if rectangles become squares that nobody has asked for; arguments as for :func:`words`."""
    if guessed and (cropped := _cropped(sizes)):
        counts = f"{sum(cropped.values()):,} of {sum(sizes.values()):,} images"
        listed = first_few([f"{size} {number:,}" for size, number in cropped.items()], _MAX_LISTED)
        text = f"no value given: {counts} are not square ({listed}) and lose what is not in the middle"
        print(f"Warning: dataset.image_size: {text}{_way_out(cropped)}", file=sys.stderr)


def _cropped(sizes: Mapping[str, int]) -> dict[str, int]:
    return {size: count for size, count in sizes.items() if len(set(size.split("x"))) > 1}


def _way_out(cropped: Mapping[str, int]) -> str:
    """Return the image size that keeps the most frequent rectangle as it is; empty if there is none."""
    width, _, height = next(iter(cropped), "").partition("x")
    return f"; dataset.image_size=[{height},{width}] keeps those of {width}x{height} whole" if cropped else ""
