"""Directions in which a generator changes most, found in its weights alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError, PositiveFloat, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, classes_in_turn, draw_latents, refuse_points, repeated


class SeFa(Sheet):
    """Moves styles along the directions that the first layer enlarges most (Shen & Zhou 2021).

    For each direction ``count`` rows, one for each latent; from the left end to the right one a style moves from
    ``-strength`` to ``strength``.

    Args:
        directions: Which, by their place: 0 is enlarged most.
        count: Latents.
        steps: Images in a row.
        strength: Farthest move.
    """

    def __init__(
        self,
        directions: Sequence[int] = (0, 1, 2, 3),
        count: PositiveInt = 2,
        steps: Annotated[int, Interval(ge=2)] = 9,
        strength: PositiveFloat = 3.0,
    ) -> None:
        self.directions = directions
        self.count = count
        self.steps = steps
        self.strength = strength

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Draw: uint8, ``(3, H, W)``."""
        refuse_points(generator, "sefa")
        weight = generator.style_weight()
        if weight is None:
            name = type(generator).__name__
            raise ConfigError(f"kind: sefa needs the weight that latents meet first; {name} does not give it")
        length = weight.shape[1]
        if not self.directions or not all(0 <= place < length for place in self.directions):
            raise ConfigError(f"kind.directions: {list(self.directions)} is to be of 0 to {length - 1}")
        chosen = directions(weight)[list(self.directions)]  # (N, D)
        labels = classes_in_turn(generator, self.count)
        styles = generator.styles(draw_latents(generator, self.count, seed), labels)  # (B, D)
        moves = torch.linspace(-self.strength, self.strength, self.steps, device=styles.device)
        moved = styles[None, :, None] + moves[:, None] * chosen[:, None, None]  # (N, B, steps, D)
        rows = repeated(labels, self.steps)
        labels = None if rows is None else rows.repeat(len(chosen))
        return image_grid(generator.synthesize(moved.flatten(0, 2), labels), columns=self.steps)


def directions(weight: Tensor) -> Tensor:
    """Return the eigenvectors of ``weight.T @ weight`` as rows ``(D, D)``, those of the largest eigenvalues first.

    Of the two vectors of a direction it is the one whose largest component is positive.

    Args:
        weight: ``(F, D)``.
    """
    weight = weight.detach().double()
    vectors: Tensor = torch.linalg.eigh(weight.T @ weight).eigenvectors.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return (vectors * largest.sign()).float()
