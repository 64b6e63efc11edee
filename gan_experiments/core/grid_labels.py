"""Labels of the rows and columns of image grids: texts in white on black beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_experiments.core.text import shortened

MAX_COLUMNS = 32  # classes that have columns of their own
_SMALLEST = 12  # pixels of a text, which is an eighth of the images that are larger
_GAP = 6  # pixels around it


def columns_per_class(count: int, num_classes: int) -> int:
    """Return how many columns each class has in a grid of ``count`` images; 0 if the classes do not fit.

    It is 1, or as many as make a grid of few classes about square.
    """
    return max(1, round(count**0.5 / num_classes)) if 1 < num_classes <= min(count, MAX_COLUMNS) else 0


def in_class_columns(images: Tensor, num_classes: int, columns: int) -> Tensor:
    """Return images whose classes take turns in rows of ``columns`` of the first class, as many of the second ...

    Args:
        images: ``(B, C, H, W)``, in [-1, 1] or stored.
        num_classes: Number of classes.
        columns: Of each class. What is missing in the last row becomes black.
    """
    missing = -len(images) % (num_classes * columns)
    black = images.new_full((missing, *images.shape[1:]), -1 if images.is_floating_point() else 0)
    in_turn = torch.cat([images, black]).reshape(-1, columns, num_classes, *images.shape[1:])
    return in_turn.transpose(1, 2).flatten(0, 2)


def class_labels(classes: Sequence[int], names: Sequence[str]) -> list[str]:
    """Return what to write beside images of each class: its name, shortened, or its number.

    Args:
        classes: Numbers of the classes.
        names: Of all classes; those beyond, or in letters that the font does not have, are numbered.
    """
    known = {label: shortened(names[label]) for label in classes if label < len(names)}
    return [known[label] if _can_be_drawn(known.get(label, "")) else str(label) for label in classes]


def label_rows(grid: Tensor, labels: Sequence[str], width: int | None = None) -> Tensor:
    """Return a grid of equally high rows with a text right of each.

    Args:
        grid: uint8 ``(3, H, W)``, or uint16 ``(1, H, W)``.
        labels: One for each row.
        width: Of the added margin, in pixels, with small texts; ``None``: as wide as the texts.
    """
    height = grid.shape[1] / len(labels)
    font = _font(height if width is None else 0)
    margin = Image.new("RGB", (width or 2 * _GAP + _longest(labels, font), grid.shape[1]))
    for row, label in enumerate(labels):
        ImageDraw.Draw(margin).text((_GAP, (row + 0.5) * height), label, fill="white", font=font, anchor="lm")
    return torch.cat([grid, _like(grid, margin)], dim=2)


def label_columns(grid: Tensor, labels: Sequence[str], width: int | None = None) -> Tensor:
    """Return a grid of equally wide columns with a text above each; all are turned upwards if one is too wide.

    Args:
        grid: uint8 ``(3, H, W)``, or uint16 ``(1, H, W)``.
        labels: One for each column.
        width: Of all columns, in pixels, if there is a margin right of them; ``None``: that of the grid.
    """
    cell = (width or grid.shape[2]) / len(labels)
    font = _font(cell)
    longest = _longest(labels, font)
    upwards = longest + _GAP > cell
    strip = Image.new("RGB", (grid.shape[2], 2 * _GAP + (longest if upwards else int(font.size))))
    for column, label in enumerate(labels):
        middle = (column + 0.5) * cell
        if upwards:
            text = Image.new("RGB", (longest, int(1.5 * font.size)))
            ImageDraw.Draw(text).text((0, text.height / 2), label, fill="white", font=font, anchor="lm")
            strip.paste(text.rotate(90, expand=True), (round(middle - text.height / 2), _GAP))
        else:
            ImageDraw.Draw(strip).text((middle, strip.height / 2), label, fill="white", font=font, anchor="mm")
    return torch.cat([_like(grid, strip), grid], dim=1)


@cache
def _can_be_drawn(text: str) -> bool:
    font = _font(0)
    missing = bytes(font.getmask("\uffff"))
    return bool(text) and all(bytes(font.getmask(letter)) != missing for letter in text)


def _font(cell: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(_SMALLEST, int(cell) // 8))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _longest(labels: Sequence[str], font: ImageFont.FreeTypeFont) -> int:
    return math.ceil(max(map(font.getlength, labels)))


def _like(grid: Tensor, text: Image.Image) -> Tensor:
    """Return an image of text with the channels and the type of a grid."""
    if grid.dtype == torch.uint16:
        return torch.from_numpy(np.asarray(text.convert("L"), dtype=np.uint16)[None] * np.uint16(257))
    return torch.from_numpy(np.asarray(text).copy()).permute(2, 0, 1)
