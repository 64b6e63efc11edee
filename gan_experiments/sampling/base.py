"""What ``gan-sample`` draws: a sheet of images that a generator makes, as a function of its weights and a seed."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.base import ImageSource


class Sheet:
    """A kind of picture; its arguments are those of ``kind`` in the config.

    Attributes:
        needs_data: Whether it looks at the real images, which are then read.
    """

    needs_data: ClassVar[bool] = False

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Draw with a generator in evaluation mode: uint8, ``(3, H, W)``.

        Raises:
            ConfigError: The generator cannot be asked for this.
        """
        raise NotImplementedError


def draw_latents(generator: Generator, count: int, seed: int) -> Tensor:
    """Draw ``(count, latent_dim)`` on the generator's device: those of the run's own sample grids, if of its seed."""
    return Stream(seed, "samples", device=device_of(generator)).normal(count, generator.latent_dim)


def classes_in_turn(generator: Generator, count: int) -> Tensor | None:
    """Return labels ``(count,)`` 0, 1, 2 ... and from the start again; ``None`` for a generator without labels."""
    if not generator.conditional:
        return None
    return torch.arange(count, device=device_of(generator)) % generator.facts.num_classes


def repeated(labels: Tensor | None, times: int) -> Tensor | None:
    """Return each label ``times`` in a row: ``(B * times,)``."""
    return None if labels is None else labels.repeat_interleave(times)


def device_of(generator: Generator) -> torch.device:
    """Return where the weights are."""
    return next(generator.parameters()).device


def refuse_points(generator: Generator, kind: str) -> None:
    """Refuse a dataset of points: a picture of several shows them as dots, in no order.

    Raises:
        ConfigError: The generator makes points.
    """
    if generator.facts.image_size == 1:
        holds = f"{generator.facts.name} holds points"
        raise ConfigError(f"kind: {kind} shows images side by side; {holds} (try kind=grid)")
