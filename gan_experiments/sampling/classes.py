"""Grid of classes by latents, of a conditional generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_labels, label_columns
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, draw_latents, in_batches, refuse_points


class Classes(Sheet):
    """A column for each class, a row for each latent, which shows what does not depend on the class.

    Args:
        count: Number of latents.
        classes: Labels of the classes; ``None``: all.
    """

    def __init__(self, count: PositiveInt = 8, classes: Sequence[int] | None = None) -> None:
        self.count = count
        self.classes = classes

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "classes")
        num_classes = generator.facts.num_classes
        if not generator.conditional:
            raise ConfigError("output: classes needs a conditional generator; that of this run is not conditional")
        chosen = list(range(num_classes)) if self.classes is None else list(self.classes)
        unknown = [label for label in chosen if not 0 <= label < num_classes]
        if unknown or not chosen:
            problem = f"invalid label {', '.join(map(str, unknown))}" if unknown else "empty"
            raise ConfigError(f"output.classes: {problem}; {generator.facts.name} has 0 to {num_classes - 1}")
        latents = draw_latents(generator, self.count, seed)
        labels = torch.tensor(chosen, device=latents.device).repeat(self.count)
        grid = image_grid(
            in_batches(generator, latents.repeat_interleave(len(chosen), dim=0), labels),
            columns=len(chosen),
            bits=generator.facts.bits,
        )
        return label_columns(grid, class_labels(chosen, self.class_names))
