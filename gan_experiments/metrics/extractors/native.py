"""Native features: a small classifier trained on the dataset itself, for FID and IS offline and in seconds.

Values can be compared between runs on one dataset with one weight hash, and not with published ones.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from gan_experiments.core.cache import cache_folder, read_or_make, short_hash, write_cached
from gan_experiments.core.escape import printable
from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError
from gan_experiments.core.weights import hash_weights
from gan_experiments.metrics.classifier import (
    BATCH_SIZE,
    LEARNING_RATE,
    Classifier,
    ClassifierWidth,
    TrainingImages,
    correct_predictions,
    train_classifier,
)
from gan_experiments.metrics.extractors.base import Extractor, ImageSource

_VERSION = 1  # of the recipe: raise it when the network or its training changes
_HELD_OUT = 0.2
_FEWEST = 3  # one to test and two to train on, without which batch norm finds no deviation in points


class NativeClassifier(Extractor):
    """Pooled features and class logits of a small convolutional classifier.

    It is trained once on four fifths of the dataset and cached. For a dataset without labels it is not trained: its
    weights are fixed random ones, its name is ``random``, and it has no logits.

    Args:
        width: Channels of the first layer; there are four times as many features.
        training_images: Training images including repetitions, in batches of 128.
        cache_dir: Folder of its file; default: ``$GAN_EXPERIMENTS_CACHE``, or else the user's cache folder.

    Attributes:
        accuracy: Accuracy on the fifth that is held out; ``None`` without labels.
    """

    def __init__(
        self, width: ClassifierWidth = 16, training_images: TrainingImages = 80000, cache_dir: str | None = None
    ) -> None:
        super().__init__()
        self.name = "native"
        self.num_features = 4 * width
        self.accuracy: float | None = None
        self._width = width
        self._training_images = training_images
        self._cache_dir = cache_dir

    def load(self, data: ImageSource) -> None:
        """Load the classifier of this dataset, or train it if it is not cached."""
        if data.labels is None:
            self.name = "random"
            network = self._build(data)
        else:
            recipe = self._recipe(data)
            path = self._path(data, recipe)
            network, self.accuracy = read_or_make(
                path, lambda: self._load(data, path), lambda: self._train(data, path, recipe)
            )
        self._network = network.eval().requires_grad_(False)
        self.weight_hash = hash_weights(network.state_dict())
        self._details = {"accuracy": self.accuracy}

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, 4 * width)`` and logits ``(B, K)``."""
        features = self.network.features(to_float(images))
        return features, self.network.head(features) if self.name == "native" else None

    def _recipe(self, data: ImageSource) -> str:
        """Return everything that the weights are a function of, as JSON."""
        recipe = {
            "version": _VERSION,
            "data": data.fingerprint,
            "width": self._width,
            "training_images": self._training_images,
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "held_out": _HELD_OUT,
        }
        if data.trained is None:  # the images may be some of the data, of which the fingerprint is
            recipe["images"] = len(data.images)
        return json.dumps(recipe, sort_keys=True)

    def _path(self, data: ImageSource, recipe: str) -> Path:
        folder = cache_folder(self._cache_dir) / "native"
        return folder / f"{data.facts.name}-{short_hash(recipe)}.safetensors"

    def _build(self, data: ImageSource) -> Classifier:
        return Classifier(data.facts, self._width, "native", "weights")

    def _load(self, data: ImageSource, path: Path) -> tuple[Classifier, float] | None:
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

    def _train(self, data: ImageSource, path: Path, recipe: str) -> tuple[Classifier, float]:
        text = f"training a classifier on {printable(data.facts.name)} for FID and IS, once"
        print(f"{text} ({self._training_images:,} images)", file=sys.stderr, flush=True)  # of large ones: minutes
        network = self._build(data)
        accuracy = _train_and_test(network, data, self._training_images)
        weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        metadata = {"recipe": recipe, "accuracy": str(accuracy), "weights": hash_weights(weights)}
        write_cached(path, weights, metadata)
        return network, accuracy


def _train_and_test(network: Classifier, data: ImageSource, training_images: int) -> float:
    """Train on four fifths of the data, on the CPU; return the accuracy on the rest."""
    images, labels = data.images, data.labels
    assert labels is not None
    if len(images) < _FEWEST:
        raise ConfigError(f"metrics: native needs at least {_FEWEST} images; {data.facts.name} has {len(images)}")
    shuffled = Stream("native", "split").permutation(len(images))
    border = max(1, int(len(images) * _HELD_OUT))
    held_out, training = shuffled[:border], shuffled[border:]
    train_classifier(network, images, labels, training, training_images, "native", "order")
    return int(correct_predictions(network, images[held_out], labels[held_out]).sum()) / len(held_out)
