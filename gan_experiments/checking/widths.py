"""Widths of networks that have to divide."""

from __future__ import annotations

from collections.abc import Iterator

from gan_experiments.checking.validation import Validation

Finding = tuple[str, str]  # a key, and what about it


def group_widths(found: Validation) -> Iterator[Finding]:
    """Refuse channels that do not divide into the groups of a network that has ``group_width``."""
    for network in ("model.generator", "model.discriminator"):
        group, expansion = found.get(f"{network}.group_width"), found.get(f"{network}.expansion")
        if not (isinstance(group, int) and isinstance(expansion, int)):
            continue
        for key in ("channels", "max_channels"):
            width = found.get(f"{network}.{key}")
            if not isinstance(width, int) or width * expansion <= group or width * expansion % group == 0:
                continue
            below = max(low for low in range(1, width) if low * expansion <= group or low * expansion % group == 0)
            above = next(high for high in range(width, width + group + 1) if high * expansion % group == 0)
            fits = f"{below} and {above} would"
            yield f"{network}.{key}", f"{width} x {expansion} does not divide into groups of {group}; {fits}"
