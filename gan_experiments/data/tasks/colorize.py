"""Colorization: colours from grey images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.randomness import Stream
from gan_experiments.core.rules import option
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.tasks.base import Task, as_stored

_LUMA = (0.299, 0.587, 0.114)  # of ITU-R BT.601


class Colorize(Task):
    """The inputs are the grey values of the images, in all three channels."""

    def __call__(self, images: Tensor, rng: Stream) -> Tensor:
        """Return the luma of images ``(B, 3, H, W)`` in three channels."""
        return self.of_user(images)

    def of_user(self, images: Tensor) -> Tensor:
        """Return the luma of images ``(B, 3, H, W)`` in three channels."""
        luma = torch.einsum("bchw,c->bhw", images.float(), torch.tensor(_LUMA, device=images.device))
        return as_stored(luma, images)[:, None].expand_as(images).contiguous()

    def refuse(self, facts: DataFacts) -> None:
        """Refuse images without colours.

        Raises:
            ConfigError: They have another number of channels than three.
        """
        if facts.channels != 3:
            raise ConfigError(f"task: colorize needs images with three channels; {facts.name} has {facts.channels}")

    def refuse_images(self, images: Tensor, name: str) -> None:
        """Refuse images that are grey in three channels: the inputs would be the images themselves.

        Raises:
            ConfigError: The channels of all of them are equal.
        """
        if all(torch.equal(each, each[:1].expand_as(each)) for each in images):
            raise ConfigError(f"task: colorize needs colours; the images of {name} are grey: their channels are equal")

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a dataset that is known to be grey."""
        yield from super().check(key, options, config)
        dataset = config.component("dataset")
        channels = option(config, "dataset", "channels") or getattr(getattr(dataset, "known", None), "channels", None)
        if dataset is not None and channels == 1:
            yield Problem(key, f"colorize needs colours; the images of {dataset.__name__} are grey")
