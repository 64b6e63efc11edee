"""What turns images into the features that FID and IS are computed in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.types import ConfigError, DataFacts

_PACKAGES = ("gan-experiments", "torch", "torchvision", "torchmetrics")


class WeightsMissingError(ConfigError):
    """Weights that are neither on this machine nor can be fetched; says what to put where."""


class ImageSource(Protocol):
    """What a measure sees of a dataset; ``data.ImageData`` is one."""

    @property
    def facts(self) -> DataFacts:
        """Size, channels and classes."""

    @property
    def images(self) -> Tensor:
        """All real images: uint8, ``(N, C, H, W)``."""

    @property
    def labels(self) -> Tensor | None:
        """Their labels: int64, ``(N,)``; ``None`` if there are none."""

    @property
    def split(self) -> str:
        """Which images of the dataset these are, as its authors call them: ``train``, ``all`` ..."""

    @property
    def trained(self) -> Tensor | None:
        """Which of the images the generator is trained on: bool, ``(N,)``; ``None`` if that is not known."""

    @property
    def fingerprint(self) -> str:
        """A hash of images and labels."""


class Extractor(nn.Module):
    """A fixed network from images to features; usable after ``prepare``.

    Attributes:
        name: What it is, as a record calls it.
        num_features: Length of a feature vector.
        weight_hash: Hash of the weights: values from different weights do not compare.
        packages: What its network comes from, beside PyTorch and torchvision: names of distributions.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    name: str
    num_features: int
    weight_hash: str

    def prepare(self, data: ImageSource) -> None:
        """Load or make the weights; a second call does nothing."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, num_features)`` and class logits ``(B, K)``, if it has any."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Extractor:
        """Stay in evaluation mode: a fixed network's statistics never move."""
        return super().train(False)

    def provenance(self) -> dict[str, Any]:
        """Say what the features are, for a record: plain values."""
        return {
            "name": self.name,
            "num_features": self.num_features,
            "weights": self.weight_hash,
            "precision": "float32",
        }

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Yield nothing: the rules are those of subclasses."""
        yield from ()


def hash_weights(weights: Mapping[str, Tensor]) -> str:
    """Return a hash of names, shapes and values of a state dict, the same on every device."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def versions(extractors: Iterable[Extractor]) -> dict[str, str]:
    """Return those of the packages that values depend on, by name."""
    own = [name for extractor in extractors for name in extractor.packages]
    return {name: version(name) for name in dict.fromkeys([*_PACKAGES, *own])}
