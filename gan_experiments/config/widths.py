"""Widths of networks that have to divide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from gan_experiments.config.networks import image_size
from gan_experiments.config.validation import Validation

Finding = tuple[str, str]  # a key, and what about it
_MOST_DOUBLINGS = 8  # from 4 to 1024 pixels


class _Groups(NamedTuple):
    """The options of a network that widens its maps with every halving of the image, and convolves them in groups."""

    group_width: int
    expansion: int
    channels: int
    max_channels: int

    def divides(self, width: int) -> bool:
        """Tell whether a block of this width does."""
        return width * self.expansion <= self.group_width or width * self.expansion % self.group_width == 0

    def misfit(self, channels: int, doublings: int) -> int | None:
        """Return the first width of a network of ``channels`` that does not divide."""
        widths = (min(channels * 2**stage, self.max_channels) for stage in range(doublings + 1))
        return next((width for width in widths if not self.divides(width)), None)

    def fits(self, channels: int, doublings: int) -> bool:
        """Tell whether all widths of a network of ``channels`` divide."""
        return self.misfit(channels, doublings) is None


def group_widths(found: Validation) -> Iterator[Finding]:
    """Refuse channels that do not divide into the groups of a network that has ``group_width``, at any of its sizes."""
    doublings = _doublings(image_size(found))
    for network in ("model.generator", "model.discriminator"):
        values = [found.get(f"{network}.{key}") for key in _Groups._fields]
        if not all(isinstance(value, int) for value in values):
            continue
        groups = _Groups(*values)
        if not groups.divides(groups.max_channels):
            fitting = _around(groups.max_channels, groups.divides)
            yield f"{network}.max_channels", _refusal(groups, groups.max_channels, fitting)
        elif wrong := groups.misfit(groups.channels, doublings):
            fitting = _around(groups.channels, partial(groups.fits, doublings=doublings))
            yield f"{network}.channels", _refusal(groups, wrong, fitting)


def _refusal(groups: _Groups, width: int, fitting: list[int]) -> str:
    stage = "" if width in (groups.channels, groups.max_channels) else f"{groups.channels} channels become {width}: "
    does_not = f"{width} x {groups.expansion} does not divide into groups of {groups.group_width}"
    return f"{stage}{does_not}; {' and '.join(map(str, fitting))} would"


def _around(width: int, fits: Callable[[int], bool]) -> list[int]:
    """Return the nearest widths below and above that fit."""
    below = next((low for low in range(width - 1, 0, -1) if fits(low)), None)
    above = next((high for high in range(width + 1, 4096) if fits(high)), None)
    return [near for near in (below, above) if near]


def _doublings(size: int | None) -> int:
    """Return how often maps of 4 pixels or a little more double to an image."""
    if size is None:
        return _MOST_DOUBLINGS
    return sum(size >> halvings >= 4 for halvings in range(1, _MOST_DOUBLINGS + 1))
