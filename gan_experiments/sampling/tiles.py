"""Translates images of any size: padded to what a translator takes, larger ones in overlapping tiles."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from gan_experiments.core.images import as_measured, to_float
from gan_experiments.core.translator import Translator

WHOLE = 1024  # pixels: larger images are translated in tiles of half that size
_OVERLAP = 8  # of a tile's size, divided by this


@torch.no_grad()
def translate_image(translator: Translator, image: Tensor) -> Tensor:
    """Translate one image of any size with a translator in evaluation mode.

    An image is translated as a whole if the translator takes its size and it has at most 1024 pixels in height and
    width; else in tiles that overlap by an eighth and fade into each other.

    Args:
        translator: The translator.
        image: uint8, or uint16 of a translator of 16 bits, ``(C_in, H, W)``.

    Returns:
        The same type, ``(C, H, W)`` on the CPU.
    """
    device = next(translator.parameters()).device
    height, width = image.shape[-2:]
    bits, tile = translator.facts.bits, _tile_size(translator, height, width)
    if tile is None:
        multiple = translator.multiple
        padded = _padded(to_float(image[None]), -(-height // multiple) * multiple, -(-width // multiple) * multiple)
        return as_measured(translator(padded.to(device))[0, :, :height, :width], bits).cpu()
    padded = _padded(to_float(image[None]), max(height, tile[0]), max(width, tile[1]))
    total = torch.zeros(translator.facts.channels, *padded.shape[-2:])
    weights = torch.zeros(padded.shape[-2:])
    window = _window(tile)
    for top in _starts(padded.shape[-2], tile[0]):
        for left in _starts(padded.shape[-1], tile[1]):
            here = (slice(top, top + tile[0]), slice(left, left + tile[1]))
            part = translator(padded[:, :, here[0], here[1]].to(device))[0].float().cpu()
            total[:, here[0], here[1]] += part * window
            weights[here] += window
    return as_measured((total / weights)[:, :height, :width], bits)


def _tile_size(translator: Translator, height: int, width: int) -> tuple[int, int] | None:
    """Return the height and width of tiles; ``None`` for an image that is translated as a whole."""
    if translator.any_size:
        return None if max(height, width) <= WHOLE else (WHOLE // 2, WHOLE // 2)
    own = translator.facts.height, translator.facts.width
    fits = height <= own[0] and width <= own[1] and (height == own[0] or width == own[1])
    return None if fits else own


def _padded(image: Tensor, height: int, width: int) -> Tensor:
    """Pad an image ``(1, C, H, W)`` below and at the right, by its last row and column."""
    return pad(image, (0, width - image.shape[-1], 0, height - image.shape[-2]), mode="replicate")


def _starts(length: int, tile: int) -> list[int]:
    """Return where tiles begin: neighbours overlap by an eighth at least, and the last one ends at the border."""
    if length <= tile:
        return [0]
    count = -(-(length - tile) // (tile - max(1, tile // _OVERLAP))) + 1
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


def _window(tile: tuple[int, int]) -> Tensor:
    """Return weights ``tile`` that rise from the border over an eighth of the size."""
    rises = []
    for size in tile:
        line = torch.arange(size)
        rise = (torch.minimum(line, size - 1 - line) + 1) / (max(1, size // _OVERLAP) + 1)
        rises.append(rise.clamp_max(1.0))
    return torch.outer(*rises)
