"""SeFa: latent directions of largest change, from the weights of a generator (Shen & Zhou 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor
from torch.nn.functional import normalize

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_labels, label_rows
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError, PositiveFloat, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, cycle_labels, draw_latents, in_batches, refuse_points, repeat_labels


class SeFa(Sheet):
    """Moves styles along the directions that the first layer amplifies most (Shen & Zhou 2021).

    Each direction has ``count`` rows, one for each latent, in which the style moves from ``-strength`` to ``strength``.

    Args:
        directions: Indices of the directions; 0 is amplified most.
        count: Number of latents.
        steps: Images in a row.
        strength: Largest distance that a style is moved.
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
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "sefa")
        weight = generator.style_weight()
        if weight is None:
            name = type(generator).__name__
            text = f"sefa needs the weight that styles meet first; {name} does not define style_weight"
            raise ConfigError(f"output: {text}")
        length = weight.shape[1]
        if not self.directions or not all(0 <= index < length for index in self.directions):
            raise ConfigError(f"output.directions: {list(self.directions)} must be indices from 0 to {length - 1}")
        chosen = directions(weight)[list(self.directions)]  # (N, D)
        labels = cycle_labels(generator, self.count)
        styles = generator.styles(draw_latents(generator, self.count, seed), labels)  # (B, D)
        moves = torch.linspace(-self.strength, self.strength, self.steps, device=styles.device)
        moved = styles[None, :, None] + moves[:, None] * chosen[:, None, None]  # (N, B, steps, D)
        rows = repeat_labels(labels, self.steps)
        repeated = None if rows is None else rows.repeat(len(chosen))
        images = in_batches(generator.synthesize, moved.flatten(0, 2), repeated)
        grid = image_grid(images, columns=self.steps, bits=generator.facts.bits)
        if labels is None:
            return grid
        named = product(self.directions, class_labels(labels.tolist(), self.class_names))
        return label_rows(grid, [f"direction {index}, class {name}" for index, name in named])


def directions(weight: Tensor) -> Tensor:
    """Return the eigenvectors of ``A.T @ A`` as rows ``(D, D)``, by falling eigenvalue.

    ``A`` is ``weight`` with rows of unit length, as in the authors' code: all outputs count alike. The sign of each
    eigenvector is such that its largest component is positive.

    Args:
        weight: ``(F, D)``.
    """
    weight = normalize(weight.detach().double())
    vectors: Tensor = torch.linalg.eigh(weight.T @ weight).eigenvectors.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return (vectors * largest.sign()).float()
