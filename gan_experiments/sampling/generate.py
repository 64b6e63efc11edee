"""Generates single images, from the latents that sample grids are drawn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import as_measured
from gan_experiments.core.memory import within_memory
from gan_experiments.core.text import show
from gan_experiments.core.types import ConfigError
from gan_experiments.sampling.base import cycle_labels, device_of, draw_latents, in_batches


@torch.no_grad()
def generate(
    generator: Generator,
    count: int,
    seed: int,
    labels: int | Sequence[int] | Tensor | None = None,
    truncation: float | None = None,
) -> Tensor:
    """Generate images with a generator in evaluation mode.

    Args:
        generator: The generator.
        count: How many images.
        seed: Of the latents.
        labels: One class for all, or a class for each; ``None``: the classes in turn, if there are any.
        truncation: As the generator defines it; ``None``: none.

    Returns:
        uint8 ``(count, C, H, W)`` on the CPU, uint16 for data of 16 bits; points float32 in [-1, 1].

    Raises:
        ConfigError: The labels do not fit the generator, or a number is out of its range, or beyond the memory here.
    """
    problems = [f"n: {count} is not a positive number of images"] * (count < 1)
    problems += [f"truncation: {truncation} is not a number > 0"] * (truncation is not None and not truncation > 0)
    if problems:
        raise ConfigError(problems)

    def make(latents: Tensor, chosen: Tensor | None) -> Tensor:
        images = generator(latents, chosen) if truncation is None else generator.truncated(latents, truncation, chosen)
        return as_measured(images, generator.facts.bits)

    with within_memory("n", {"n": count}):
        latents = draw_latents(generator, count, seed)
        classes = cycle_labels(generator, count) if labels is None else _classes(generator, labels, count)
        return in_batches(make, latents, classes)


def _classes(generator: Generator, labels: int | Sequence[int] | Tensor, count: int) -> Tensor:
    if not generator.conditional:
        raise ConfigError("labels: the generator is not conditional")
    try:
        classes = torch.as_tensor(labels, device=device_of(generator))
    except (TypeError, ValueError, RuntimeError):
        classes = None
    if classes is None or classes.is_floating_point() or classes.is_complex() or classes.dtype == torch.bool:
        raise ConfigError(f"labels: {show(labels)} is neither a class nor a list of classes, which are integers")
    classes = classes.long()
    if classes.shape not in ((), (count,)):
        raise ConfigError(f"labels: one class or {count} classes expected, not {tuple(classes.shape)}")
    known = generator.facts.num_classes
    if ((classes < 0) | (classes >= known)).any():
        raise ConfigError(f"labels: {generator.facts.name} has the classes 0 to {known - 1}")
    return classes.expand(count)
