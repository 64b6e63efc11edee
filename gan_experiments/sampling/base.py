"""Base class of sheets of generated images, and the latents and labels that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import as_measured, save_png
from gan_experiments.core.randomness import Stream
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.base import ImageSource

BATCH = 256  # images generated at a time


class Sheet:
    """A sheet of images drawn with a generator, a function of its weights and a seed; ``output`` in the config.

    Attributes:
        needs_data: Whether it needs the real images, which are then read.
        suffixes: What the names of its files end in, the usual one first.
        class_names: Names of the classes, for the rows or columns of one class each; those without have numbers.
    """

    needs_data: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = (".png",)
    class_names: Sequence[str] = ()

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet of a generator in evaluation mode: uint8, ``(3, H, W)``.

        Where it keeps the 16 bits of grey images: uint16, ``(1, H, W)``.

        Raises:
            ConfigError: The sheet cannot be drawn with this generator.
        """
        raise NotImplementedError

    def check_file(self, file: Path) -> None:
        """Refuse, before anything is drawn, a file that the sheet cannot be written to.

        Raises:
            ConfigError: It cannot.
        """
        if file.suffix.lower() not in self.suffixes:
            raise ConfigError(f"file: {file} is no {' or '.join(self.suffixes)}, which this is written as")

    def save(self, generator: Generator, data: ImageSource, seed: int, file: Path) -> None:
        """Draw the sheet and write it to a file.

        Raises:
            ConfigError: The sheet cannot be drawn with this generator.
        """
        save_png(self(generator, data, seed), file)


def draw_latents(generator: Generator, count: int, seed: int) -> Tensor:
    """Draw latents ``(count, latent_dim)`` on the generator's device; a run's seed gives those of its sample grids."""
    return Stream(seed, "samples", device=device_of(generator)).normal(count, generator.latent_dim)


def in_batches(make: Callable[..., Tensor], inputs: Tensor, labels: Tensor | None) -> Tensor:
    """Return what a generator makes of many inputs, in batches that the memory for activations has to hold.

    Args:
        make: ``generator``, its ``synthesize``, or what makes something else of a batch of inputs and labels.
        inputs: Latents or styles ``(B, D)``.
        labels: Their classes ``(B,)``, if there are any.

    Returns:
        What it makes, such as float images ``(B, C, H, W)``, on the CPU.
    """
    chosen = repeat(None) if labels is None else torch.split(labels, BATCH)
    made, start = torch.empty(0), 0
    for part, own in zip(torch.split(inputs, BATCH), chosen, strict=False):
        images = make(part, own).cpu()
        if start == 0:  # of all at once, so that what does not fit is refused now
            made = torch.empty((len(inputs), *images.shape[1:]), dtype=images.dtype)
        made[start : start + len(images)] = images
        start += len(images)
    return made


def stored_by(generator: Generator) -> Callable[..., Tensor]:
    """Return a function that makes images as the data store them, which take a quarter of the memory."""
    return lambda latents, labels: as_measured(generator(latents, labels), generator.facts.bits)


def cycle_labels(generator: Generator, count: int) -> Tensor | None:
    """Return labels ``(count,)`` that cycle through the classes; ``None`` for an unconditional generator."""
    if not generator.conditional:
        return None
    return torch.arange(count, device=device_of(generator)) % generator.facts.num_classes


def repeat_labels(labels: Tensor | None, times: int) -> Tensor | None:
    """Return each label ``times`` in a row: ``(B * times,)``."""
    return None if labels is None else labels.repeat_interleave(times)


def device_of(generator: Generator) -> torch.device:
    """Return the device of the weights."""
    return next(generator.parameters()).device


def refuse_translator(generator: nn.Module) -> None:
    """Refuse a translator, which makes images from images.

    Raises:
        ConfigError: Names the command for it.
    """
    if isinstance(generator, Translator):
        raise ConfigError("run: it translates images; gan-translate does that with images of yours (Run.translate)")


def refuse_points(generator: Generator, output: str) -> None:
    """Refuse a generator of points, which are drawn as dots of one image.

    Raises:
        ConfigError: The generator makes points.
    """
    if generator.facts.image_size == 1:
        raise ConfigError(f"output: {output} needs images; {generator.facts.name} holds points (try output=grid)")
