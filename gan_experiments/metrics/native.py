"""Features of a small classifier trained on the dataset itself: FID and IS offline, in seconds.

Values compare between runs on one dataset with one weight hash, and with nothing published.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import warnings
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gan_experiments.cache import cache_folder
from gan_experiments.files import replacing
from gan_experiments.images import to_float
from gan_experiments.metrics.extractor import Extractor, ImageSource, hash_weights
from gan_experiments.randomness import Stream, derive_seed
from gan_experiments.types import PositiveInt

_log = logging.getLogger(__name__)

_VERSION = 1  # of the recipe: raise it when the network or its training changes
_BATCH_SIZE = 128
_LEARNING_RATE = 0.01
_HELD_OUT = 0.2


class NativeClassifier(Extractor):
    """A small convolutional network; its features are the averages of its last maps, its logits the classes'.

    It is trained once on four fifths of the dataset and kept in the cache folder. For images without labels it
    is not trained: a network of the same shape with fixed random weights, named ``random``, without logits.

    Args:
        width: Channels of the first layer; there are four times as many features.
        training_images: Images it is shown in training, in batches of 128.
        cache_dir: Where it is kept; default: ``$GAN_EXPERIMENTS_CACHE``, or else the user's own cache folder.

    Attributes:
        accuracy: Share of the held-out fifth that it classifies correctly; ``None`` without labels.
    """

    def __init__(
        self, width: PositiveInt = 16, training_images: PositiveInt = 80000, cache_dir: str | None = None
    ) -> None:
        super().__init__()
        self.name = "native"
        self.num_features = 4 * width
        self.accuracy: float | None = None
        self._width = width
        self._training_images = training_images
        self._cache_dir = cache_dir
        self._network: _Network | None = None

    @torch.inference_mode(False)  # evaluation may be what asks for it
    def prepare(self, data: ImageSource) -> None:
        """Load the classifier of this dataset, or train it if there is none yet; a second call does nothing."""
        if self._network is not None:
            return
        recipe = self._recipe(data)
        if data.labels is None:
            self.name = "random"
            network = self._build(data)
        else:
            path = self._path(data, recipe)
            path.parent.mkdir(parents=True, exist_ok=True)
            # Of several processes one trains, the others wait for its file.
            with FileLock(f"{path}.lock"):
                network, self.accuracy = self._load(data, path) or self._train(data, path, recipe)
        self._network = network.eval().requires_grad_(False)
        self.weight_hash = hash_weights(network.state_dict())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, 4 * width)`` and logits ``(B, K)``."""
        if self._network is None:
            raise RuntimeError("prepare(data) comes before the first image")
        features = self._network.features(to_float(images))
        return features, self._network.head(features) if self.name == "native" else None

    def passport(self) -> dict[str, Any]:
        """Say what the features are, with the accuracy of the classifier."""
        return {**super().passport(), "accuracy": self.accuracy}

    def _recipe(self, data: ImageSource) -> str:
        """Return all that the weights are a function of, as JSON."""
        recipe = {
            "version": _VERSION,
            "data": data.fingerprint,
            "width": self._width,
            "training_images": self._training_images,
            "batch_size": _BATCH_SIZE,
            "learning_rate": _LEARNING_RATE,
            "held_out": _HELD_OUT,
        }
        return json.dumps(recipe, sort_keys=True)

    def _path(self, data: ImageSource, recipe: str) -> Path:
        folder = Path(self._cache_dir) if self._cache_dir else cache_folder()
        key = hashlib.blake2b(recipe.encode(), digest_size=8).hexdigest()
        return folder / "native" / f"{data.facts.name}-{key}.safetensors"

    def _build(self, data: ImageSource) -> _Network:
        # The CPU's generator alone: seeding through torch.manual_seed would reseed the GPUs' as well.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed("native", "weights"))
            classes = max(1, data.facts.num_classes)
            network = _Network(data.facts.channels, data.facts.image_size, self._width, classes)
        # One layout whether trained or loaded: features then agree to the last bit.
        return network.to(memory_format=torch.channels_last)

    def _load(self, data: ImageSource, path: Path) -> tuple[_Network, float] | None:
        if not path.exists():
            return None
        network = self._build(data)
        try:
            with safe_open(path, framework="pt") as file:
                weights, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
            network.load_state_dict(weights)
            if hash_weights(weights) == metadata["weights"]:
                return network, float(metadata["accuracy"])
        except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError):
            pass
        warnings.warn(f"{path} is damaged: the classifier is trained again", stacklevel=2)
        return None

    def _train(self, data: ImageSource, path: Path, recipe: str) -> tuple[_Network, float]:
        _log.info("training a classifier on %s for FID and IS, once", data.facts.name)
        network = self._build(data)
        with torch.autocast("cpu", enabled=False):
            accuracy = _fit(network, data, self._training_images)
        weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        metadata = {"recipe": recipe, "accuracy": str(accuracy), "weights": hash_weights(weights)}
        with replacing(path) as temporary:
            save_file(weights, temporary, metadata=metadata)
        return network, accuracy


class _Network(nn.Module):
    """3x3 convolutions down to 4x4 maps or less, their averages as features, one linear layer."""

    def __init__(self, channels: int, image_size: int, width: int, num_classes: int) -> None:
        super().__init__()
        halvings = max(0, math.ceil(math.log2(image_size / 4)))
        strides = [1] * (3 - halvings) + [2] * halvings
        widths = [channels, *(width * min(2**stage, 4) for stage in range(len(strides)))]
        layers: list[nn.Module] = []
        for (fan_in, fan_out), stride in zip(pairwise(widths), strides, strict=True):
            layers.append(nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=False))
            layers += [nn.BatchNorm2d(fan_out), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map float ``(B, C, H, W)`` to logits ``(B, K)``."""
        logits: Tensor = self.head(self.features(images))
        return logits


def _fit(network: _Network, data: ImageSource, training_images: int) -> float:
    """Train on four fifths of the data, on the CPU, with one learning rate cycle; return the accuracy on the rest."""
    images, labels = data.images, data.labels
    assert labels is not None
    shuffled = Stream("native", "split").permutation(len(images))
    border = int(len(images) * _HELD_OUT)
    held_out, training = shuffled[:border], shuffled[border:]
    steps = math.ceil(training_images / _BATCH_SIZE)
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps)
    for chosen in islice(_batches(training), steps):
        batch = to_float(images[chosen]).contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        torch.autograd.backward(cross_entropy(network(batch), labels[chosen]))
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        right = [
            (network(to_float(images[part])).argmax(1) == labels[part]).sum() for part in torch.split(held_out, 500)
        ]
    return int(torch.stack(right).sum()) / len(held_out)


def _batches(training: Tensor) -> Iterator[Tensor]:
    epoch = 0
    while True:
        order = training[Stream("native", "order", epoch).permutation(len(training))]
        yield from torch.split(order, _BATCH_SIZE)
        epoch += 1
