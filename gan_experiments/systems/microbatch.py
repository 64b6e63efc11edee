"""A step in parts: gradients of microbatches add up to that of the batch, with the memory of one part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Batch, Penalty
from gan_experiments.core.rules import DISCRIMINATOR, option
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError

Item = TypeVar("Item")
_MOST_LAYERS = 3  # that a message names


class Fakes(NamedTuple):
    """Generated images ``(B, C, H, W)`` with the latents ``(B, latent_dim)`` and labels ``(B,)`` they came from."""

    latents: Tensor
    labels: Tensor | None
    images: Tensor


class Part(NamedTuple):
    """The part of a step that is computed at a time; the whole, unless there are microbatches.

    Attributes:
        real: Real images as the discriminator sees them.
        labels: ``(B,)`` of them, or ``None``.
        fakes: Those of the discriminator's step.
        clean: The real images before augmentation.
    """

    real: Tensor
    labels: Tensor | None
    fakes: Fakes
    clean: Tensor


def divided(batch: Batch, size: int | None) -> list[Batch]:
    """Return parts of ``size`` images; ``None``: the batch."""
    if size is None:
        return [batch]
    parts = torch.split(batch.images, size)
    labels = [None] * len(parts) if batch.labels is None else torch.split(batch.labels, size)
    return [Batch(*part) for part in zip(parts, labels, strict=True)]


def with_same_buffers(items: Sequence[Item], modules: Iterable[nn.Module]) -> Iterator[tuple[int, Item]]:
    """Yield items with their index; before each, buffers are what they were before the first; in the end their mean.

    So the power iterations of spectral normalization are the same in every part of a step, and an average over batches,
    such as that of styles, has the mean of all parts added. Integers are those of the last part.
    """
    buffers = [buffer for module in modules for buffer in module.buffers()]
    before = [buffer.clone() for buffer in buffers]
    means = [buffer.clone() for buffer in buffers]
    for index, item in enumerate(items):
        with torch.no_grad():
            for buffer, start in zip(buffers, before, strict=True):
                buffer.copy_(start)
        yield index, item
        with torch.no_grad():
            for mean, buffer in zip(means, buffers, strict=True):
                mean.lerp_(buffer, 1 / (index + 1)) if mean.is_floating_point() else mean.copy_(buffer)
    with torch.no_grad():
        for buffer, mean in zip(buffers, means, strict=True):
            buffer.copy_(mean)


def refuse_microbatch(networks: Mapping[str, nn.Module], microbatch: int, share: int) -> None:
    """Refuse microbatches that do not divide the ``share`` of a process, or groups of images that a network compares.

    Raises:
        ConfigError: Names the layers.
    """
    problems = []
    for key, network in networks.items():
        whole = []
        for name, layer in network.named_modules():
            # Batch norm of a frozen part is in evaluation mode from the start.
            group = getattr(layer, "couples_batch", isinstance(layer, _BatchNorm) and layer.training)
            images = group * getattr(network, "packing", 1)
            if group is True:
                whole.append(f"{type(layer).__name__}{f' {name}' * bool(name)}")
            elif images and microbatch % images:
                text = f"{name} of model.{key} compares groups of {images} images, which {microbatch} is no multiple of"
                problems.append(f"model.microbatch: {text}")
        if whole:
            text = f"model.{key} compares all images of a batch ({first_few(whole, _MOST_LAYERS)})"
            problems.append(f"model.microbatch: {text}; take a network without, or microbatch=null")
    packing = getattr(networks.get("discriminator"), "packing", 1)
    if not problems and (reason := no_divisor(microbatch, share, packing)) is not None:
        problems.append(f"model.microbatch: {reason}")
    if problems:
        raise ConfigError(problems)


def check_microbatch(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse what compares the images of a batch, needs all of a step at once, or does not divide the batch."""
    where = f"{key}.microbatch"
    size = config.get(where)
    coupled = {"loss": config.component("loss")}
    for group in ("penalty", "augment"):
        coupled |= {f"{group}.{name}": component for name, component in config.components(group).items()}
    for name, component in coupled.items():
        if getattr(component, "couples_batch", False):
            yield Problem(where, f"{name} compares all images of a batch; take another, or microbatch=null")
        elif getattr(component, "latents", Penalty.latents) is not Penalty.latents:
            yield Problem(where, f"{name} moves latents once for both networks; leave it out, or take microbatch=null")
    for other in ("share_fakes", "unroll_steps"):
        if config.get(f"{key}.{other}"):
            yield Problem(where, f"{key}.{other} needs all fakes of a step at once; turn one of them off")
    counts = [config.get(name) for name in ("batch_size", "trainer.devices", "trainer.num_nodes")]
    packing = option(config, DISCRIMINATOR, "packing") or 1
    if not all(isinstance(count, int) for count in (size, packing, *counts)):
        return  # such as trainer.devices=auto: the system looks again when it knows
    if (text := no_divisor(size, counts[0] // prod(counts[1:]), packing)) is not None:
        yield Problem(where, text)


def no_divisor(size: int, share: int, packing: int) -> str | None:
    """Return what is wrong if the ``share`` of a process has no equal parts of ``size`` in whole packs."""
    if share % size == 0 and size % packing == 0:
        return None
    fits = [count for count in range(1, share + 1) if share % count == 0 and count % packing == 0]
    text = f"{size} is no divisor of the {share} images of a step{' in whole packs' * (packing > 1)}"
    return f"{text}; {', '.join(map(str, fits[-8:]))} are"
