"""Image sizes that networks of doublings and halvings can have."""

from __future__ import annotations

from collections.abc import Mapping

from gan_experiments.core.types import ConfigError, DataFacts


def stages(model: str, facts: DataFacts, known: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
    """Return the size of the smallest maps for these images, and how often it doubles from there.

    Args:
        model: What to call the network in an error.
        facts: Name and size of the images.
        known: Both, by image size.

    Raises:
        ConfigError: The network cannot make images of this size.
    """
    if facts.image_size not in known:
        sizes = ", ".join(map(str, sorted(known)))
        hint = "; for points take model=mlp metrics=known_distribution" if facts.image_size == 1 else ""
        raise ConfigError(f"model: {model} makes images of {sizes} pixels, {facts.name} has {facts.image_size}{hint}")
    return known[facts.image_size]
