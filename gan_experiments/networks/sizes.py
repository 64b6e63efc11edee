"""Sizes of the feature maps of networks that double or halve them."""

from __future__ import annotations

from collections.abc import Mapping

from gan_experiments.core.types import DataFacts

POWERS_OF_TWO = {4 * 2**doublings: doublings for doublings in range(1, 9)}  # from feature maps of 4x4 to 8 ... 1024


def smallest_maps(facts: DataFacts, doublings: int) -> tuple[int, int]:
    """Return height and width of the feature maps from which so many doublings lead to the images."""
    return facts.height >> doublings, facts.width >> doublings


def halved_sizes(facts: DataFacts, halvings: int) -> list[tuple[int, int]]:
    """Return height and width of the images and of the feature maps after each halving, odd numbers rounded up."""
    sizes = [(facts.height, facts.width)]
    for _ in range(halvings):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def multiples(doublings: Mapping[int, int]) -> dict[int, int]:
    """Return what the longer side of rectangles must be a multiple of, by the shorter side."""
    return {size: 2**times for size, times in doublings.items()}
