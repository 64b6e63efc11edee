"""Style mixing: images with some layers' styles from one latent and the rest from another (Karras et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_labels, label_columns, label_rows
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, cycle_labels, draw_latents, in_batches, refuse_points, repeat_labels


class StyleMixing(Sheet):
    """A row and a column for each latent, which shows what the layers determine (Karras et al. 2019, figure 3).

    Above each column and left of each row is the image of its latent alone. Every other image has the styles of its
    row, but in ``layers`` those of its column.

    Args:
        count: Rows, and columns.
        layers: Indices of the layers whose styles are those of the column, 0 the coarsest; ``None``: the coarser half.
    """

    def __init__(self, count: PositiveInt = 6, layers: Sequence[int] | None = None) -> None:
        self.count = count
        self.layers = layers

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "style_mixing")
        taken = self._taken(generator)
        labels = cycle_labels(generator, 2 * self.count)
        styles = generator.styles(draw_latents(generator, 2 * self.count, seed), labels)
        layered = styles[:, None].expand(-1, generator.num_styles, -1)  # (2 count, L, D)
        rows, columns = layered.chunk(2)
        mixed = torch.where(taken[:, None].to(styles.device), columns[None], rows[:, None])  # (count, count, L, D)
        alone = in_batches(generator.synthesize, layered, labels)
        of_rows = None if labels is None else labels[: self.count]
        images = in_batches(generator.synthesize, mixed.flatten(0, 1), repeat_labels(of_rows, self.count))
        left, above = alone.chunk(2)
        corner = torch.full_like(alone[:1], -1.0)
        below = torch.cat([left[:, None], images.view(self.count, *left.shape)], dim=1)
        shown = torch.cat([corner, above, below.flatten(0, 1)])
        grid = image_grid(shown, columns=self.count + 1, bits=generator.facts.bits)
        if labels is None:
            return grid
        names = class_labels(labels.tolist(), self.class_names)
        named = label_rows(grid, ["", *names[: self.count]])
        return label_columns(named, ["", *names[self.count :]], width=grid.shape[2])

    def _taken(self, generator: Generator) -> Tensor:
        """Return which layers' styles are those of the column: bool ``(L,)``."""
        layers = generator.num_styles
        if layers < 2:
            text = f"needs a style for each layer, as StyleGAN2 has; {type(generator).__name__} has one for all"
            raise ConfigError(f"output: style_mixing {text}")
        chosen = list(range(layers // 2)) if self.layers is None else list(self.layers)
        if not chosen or not all(0 <= index < layers for index in chosen):
            raise ConfigError(f"output.layers: {chosen} must be indices from 0 to {layers - 1}")
        taken = torch.zeros(layers, dtype=torch.bool)
        taken[chosen] = True
        return taken
