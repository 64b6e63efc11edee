"""Image sizes supported by networks that double or halve feature maps."""

from __future__ import annotations

from collections.abc import Mapping

from gan_experiments.core.types import ConfigError, DataFacts


def stages(model: str, facts: DataFacts, known: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
    """Return the size of the smallest feature maps for these images, and how often it doubles from there.

    Args:
        model: Name of the network in an error.
        facts: Name and size of the images.
        known: The two numbers by supported image size.

    Raises:
        ConfigError: The image size is not supported.
    """
    if facts.image_size not in known:
        sizes = ", ".join(map(str, sorted(known)))
        hint = "; for points take model=mlp metrics=known_distribution" if facts.image_size == 1 else ""
        raise ConfigError(f"model: {model} supports image sizes {sizes}; {facts.name} has {facts.image_size}{hint}")
    return known[facts.image_size]
