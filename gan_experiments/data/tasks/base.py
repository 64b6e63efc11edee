"""Base class of tasks: how the inputs of a translator are derived from the images of any dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts


def as_stored(values: Tensor, images: Tensor) -> Tensor:
    """Round and clip ``values``, in the levels of ``images``, to their type: uint8 or uint16."""
    return values.round().clamp(0, torch.iinfo(images.dtype).max).to(images.dtype)


def grey_level(images: Tensor) -> float:
    """Return how many levels of ``images`` are one grey level of 255: 1, or 257 for 16 bits."""
    return torch.iinfo(images.dtype).max / 255


class Task:
    """A degradation of images, which a translator learns to undo: the images are its targets.

    Attributes:
        classical_name: Name of the classical method that ``classical`` applies; empty if there is none.
    """

    classical_name: ClassVar[str] = ""

    def __call__(self, images: Tensor, rng: Stream) -> Tensor:
        """Return the inputs of images ``(B, C, H, W)``, of the same type and shape; all random numbers from ``rng``."""
        raise NotImplementedError

    def classical(self, inputs: Tensor) -> Tensor:
        """Return the images that the classical method makes of inputs: uint8, ``(B, C, H, W)``.

        By default the inputs themselves.
        """
        return inputs

    def of_user(self, images: Tensor) -> Tensor:
        """Return the inputs that a user's images stand for, which are degraded already: uint8, ``(B, C, H', W')``."""
        return images

    def refuse(self, facts: DataFacts) -> None:
        """Refuse a dataset that the task makes no sense for, or whose images are too small.

        Raises:
            ConfigError: Says why.
        """

    def refuse_images(self, images: Tensor, name: str) -> None:
        """Refuse images ``(N, C, H, W)`` of the dataset ``name`` that have nothing to be learned of.

        Raises:
            ConfigError: Says why.
        """

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a dataset that has inputs of its own, and systems that generate from noise."""
        dataset, system = config.component("dataset"), config.component("model")
        if dataset is not None and getattr(dataset, "domains", None):
            yield Problem(key, f"{dataset.__name__} has inputs of its own; take task=none")
        if system is not None and not getattr(system, "translates", False):
            text = f"{system.__name__} generates images from noise and has no use for inputs"
            yield Problem(key, f"{text}; take model=pix2pix, cyclegan or cut")
