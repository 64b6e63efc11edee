"""Base class of feature extractors, and the view of a dataset that metrics use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.precision import full_float32
from gan_experiments.core.rules import check_colours
from gan_experiments.core.types import ConfigError, DataFacts

_PACKAGES = ("gan-experiments", "torch", "torchvision", "torchmetrics")
_version = cache(metadata.version)  # which parses a file, and every evaluation asks


class ImageSource(Protocol):
    """A dataset as metrics see it; ``gan_experiments.data.base.ImageData`` is one."""

    @property
    def facts(self) -> DataFacts:
        """Size, channels and classes."""

    @property
    def images(self) -> Tensor:
        """All real images: uint8, ``(N, C, H, W)``."""

    @property
    def labels(self) -> Tensor | None:
        """Labels of the images: int64, ``(N,)``; ``None`` if they have none."""

    @property
    def split(self) -> str:
        """The split of the dataset, as its authors call it: ``train``, ``all`` ..."""

    @property
    def trained(self) -> Tensor | None:
        """Which of the images the generator is trained on: bool, ``(N,)``; ``None`` if not known."""

    @property
    def fingerprint(self) -> str:
        """Hash of images and labels."""


class Extractor(nn.Module):
    """A fixed network from images to features; call ``prepare`` before the first image.

    A subclass has ``load``, or a ``prepare`` of its own, and ``forward``.

    Attributes:
        name: Its name in the record of a run.
        num_features: Length of a feature vector.
        weight_hash: Hash of the weights: values from different weights cannot be compared.
        packages: Distributions that provide its network, besides PyTorch and torchvision.
        of_photographs: Whether its network takes what photographs have: one or three channels of 8 bits. Images of 16
            bits are rounded for it, which its provenance says.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    of_photographs: ClassVar[bool] = False
    name: str
    num_features: int
    weight_hash: str

    def __init__(self) -> None:
        super().__init__()
        self._network: nn.Module | None = None
        self._details: dict[str, Any] = {}

    @torch.inference_mode(False)  # evaluation may call it in inference mode
    def prepare(self, data: ImageSource) -> None:
        """Load or train the weights; a second call does nothing.

        Raises:
            ConfigError: The images do not fit, or the weights are damaged or of another network.
            WeightsMissingError: The weights are not on this machine and cannot be downloaded.
        """
        if self._network is not None:
            return
        facts, name = data.facts, self.name
        if self.of_photographs and data.images.is_floating_point():
            raise ConfigError(f"metrics: {name} needs images; {facts.name} holds points")
        if self.of_photographs and facts.channels not in (1, 3):
            raise ConfigError(f"metrics: {name} takes grey and RGB images; {facts.name} has {facts.channels} channels")
        if self.of_photographs and facts.bits == 16:
            self._details = {"rounded_to_bits": 8}
        self.load(data)

    def load(self, data: ImageSource) -> None:
        """Load or train the weights, and set ``_network``, and what to add to the provenance as ``_details``."""
        raise NotImplementedError

    @property
    def network(self) -> Any:
        """The network.

        Raises:
            RuntimeError: It has not been prepared.
        """
        if self._network is None:
            raise RuntimeError("call prepare(data) before the first image")
        return self._network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, num_features)`` and class logits ``(B, K)`` or ``None``."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Extractor:
        """Stay in evaluation mode: the statistics of batch norms must not change."""
        return super().train(False)

    def provenance(self) -> dict[str, Any]:
        """Return what the features depend on, for the record of a run: plain values."""
        return {
            "name": self.name,
            "num_features": self.num_features,
            "weights": self.weight_hash,
            "precision": "float32",
            **self._details,
        }

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse other channels than those of photographs, where its network takes no others."""
        yield from check_colours(key, config) if cls.of_photographs else ()


class Extracted(NamedTuple):
    """What an extractor makes of images: features ``(B, F)``, and class logits ``(B, K)`` or ``None``."""

    features: Tensor
    logits: Tensor | None


def extract(network: nn.Module, images: Tensor) -> Extracted:
    """Extract features of images ``(B, C, H, W)`` in full float32, without gradient.

    Args:
        network: An extractor, or a module that returns a tensor ``(B, F)``, which is then taken for the logits, too.
        images: The images; there may be none.
    """
    # An empty batch is replaced by one image, for the shape of its features.
    shown = images if len(images) else images.new_zeros(1, *images.shape[1:])
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False), full_float32():
        output = network(shown)
    features, logits = (output, output) if isinstance(output, Tensor) else output
    return Extracted(features[: len(images)], None if logits is None else logits[: len(images)])


def versions(extractors: Iterable[Extractor]) -> dict[str, str]:
    """Return the versions of the packages that values depend on, by name."""
    own = [name for extractor in extractors for name in extractor.packages]
    return {name: _version(name) for name in dict.fromkeys([*_PACKAGES, *own])}
