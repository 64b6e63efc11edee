"""Image sizes supported by networks that double or halve feature maps, from the shorter side of the images."""

from __future__ import annotations

from collections.abc import Mapping

from gan_experiments.core.types import ConfigError, DataFacts

Stages = Mapping[int, tuple[int, int]]  # image size: size of the smallest feature maps, and how often it doubles


def stages(model: str, facts: DataFacts, known: Stages) -> tuple[tuple[int, int], int]:
    """Return height and width of the smallest feature maps for these images, and how often they double from there.

    Args:
        model: Name of the network in an error.
        facts: Name and size of the images.
        known: The two numbers by supported image size, of rectangles by their shorter side.

    Raises:
        ConfigError: The image size is not supported.
    """
    size = facts.shorter_side
    if size not in known:
        sizes = ", ".join(map(str, sorted(known)))
        hint = "; for points take model=mlp metrics=known_distribution" if facts.image_size == 1 else ""
        raise ConfigError(f"model: {model} supports image sizes {sizes}; {facts.name} has {size}{hint}")
    doublings = known[size][1]
    return (facts.height >> doublings, facts.width >> doublings), doublings


def multiples(known: Stages) -> dict[int, int]:
    """Return what the longer side of rectangles must be a multiple of, by the shorter side."""
    return {size: 2**doublings for size, (_, doublings) in known.items()}
