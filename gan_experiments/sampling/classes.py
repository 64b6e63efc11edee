"""The classes of a conditional generator beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, draw_latents, refuse_points


class Classes(Sheet):
    """A column for each class, a row for each latent: what a row has in common does not depend on the class.

    Args:
        count: Latents.
        classes: Which classes; ``None``: all.
    """

    def __init__(self, count: PositiveInt = 8, classes: Sequence[int] | None = None) -> None:
        self.count = count
        self.classes = classes

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Draw: uint8, ``(3, H, W)``."""
        refuse_points(generator, "classes")
        known = generator.facts.num_classes
        if not generator.conditional:
            raise ConfigError("kind: the generator of this run is not conditional: it cannot be asked for a class")
        chosen = list(range(known)) if self.classes is None else list(self.classes)
        unknown = [label for label in chosen if not 0 <= label < known]
        if unknown or not chosen:
            told = f"{', '.join(map(str, unknown))} is no class" if unknown else "empty"
            raise ConfigError(f"kind.classes: {told}; {generator.facts.name} has 0 to {known - 1}")
        latents = draw_latents(generator, self.count, seed)
        labels = torch.tensor(chosen, device=latents.device).repeat(self.count)
        return image_grid(generator(latents.repeat_interleave(len(chosen), dim=0), labels), columns=len(chosen))
