"""What generated images are worth to a classifier that learns from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts
from gan_experiments.metrics.extractors.classifier import Classifier, correct, fit


@dataclass(frozen=True)
class LabelledImages:
    """Images with their classes.

    Attributes:
        images: uint8, ``(N, C, H, W)``.
        labels: int64, ``(N,)``.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __add__(self, other: LabelledImages) -> LabelledImages:
        """Return these images, then the others."""
        return LabelledImages(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))

    def few(self, per_class: int, seed: int) -> LabelledImages:
        """Return ``per_class`` images of each class, a function of the seed.

        Raises:
            ValueError: A class has not as many.
        """
        order = Stream(seed, "little data").permutation(len(self)).to(self.labels.device)
        classes = torch.unique(self.labels).tolist()
        chosen = [order[self.labels[order] == label][:per_class] for label in classes]
        short = [label for label, items in zip(classes, chosen, strict=True) if len(items) < per_class]
        if short:
            raise ValueError(f"classes {short} have fewer than {per_class} images")
        items = torch.cat(chosen)
        return LabelledImages(self.images[items], self.labels[items])


@dataclass(frozen=True)
class Training:
    """The classifier that learns: that of the native features, from fresh weights.

    Attributes:
        width: Channels of its first layer.
        images_shown: Images it is shown in training, repetitions included; the same for any set, so that a larger set
            is not also a longer training.
        seed: Of its weights and of the order of the images.
    """

    width: int = 16
    images_shown: int = 80000
    seed: int = 0


def classification_accuracy_score(
    train: LabelledImages, test: LabelledImages, num_classes: int, training: Training | None = None
) -> Tensor:
    """Train a classifier on some images and test it on others; the mean is its accuracy.

    With generated images to train on and real ones to test on this is the classification accuracy score of Ravuri &
    Vinyals 2019, there with a ResNet-50: figures of another classifier do not compare. Trained on as many real images,
    it says what a perfect generator would get.

    Args:
        train: What it learns from.
        test: What it is tested on.
        num_classes: Classes; a label is less.
        training: How it learns.

    Returns:
        Whether each test image is classified correctly: float64, ``(N,)``.

    Raises:
        ValueError: The images differ in size or channels, or one of the sets is empty.
    """
    training = training or Training()
    channels, height, width = train.images.shape[1:]
    if train.images.shape[1:] != test.images.shape[1:]:
        raise ValueError(f"trained on {(channels, height, width)} and tested on {tuple(test.images.shape[1:])}")
    if not (len(train) and len(test)):
        raise ValueError("a classifier needs images to learn from and images to be tested on")
    facts = DataFacts("classification", height, channels, num_classes)
    with torch.inference_mode(False), torch.enable_grad():
        network = Classifier(facts, training.width, training.seed, "classification", "weights")
        network = network.to(train.images.device)
        everything = torch.arange(len(train))
        fit(network, train.images, train.labels, everything, training.images_shown, training.seed, "classification")
        return correct(network, test.images, test.labels).double()


@dataclass(frozen=True)
class Augmented:
    """Whether each test image is classified correctly, float64 ``(N,)``, by classifiers of different training sets.

    Attributes:
        few: Of the few real images alone.
        few_and_generated: Of those and the generated ones.
    """

    few: Tensor
    few_and_generated: Tensor

    @property
    def gain(self) -> float:
        """The accuracy that the generated images add."""
        return (self.few_and_generated - self.few).mean().item()


def augmentation_gain(
    few: LabelledImages,
    generated: LabelledImages,
    test: LabelledImages,
    num_classes: int,
    training: Training | None = None,
) -> Augmented:
    """Train a classifier on little data, with and without generated images, for the same number of steps.

    The reverse of the classification accuracy score (Ravuri & Vinyals 2019, section 4.3, on all of the data).

    Args:
        few: The little data: ``LabelledImages.few``.
        generated: What is added to it.
        test: Real images that are in neither.
        num_classes: Classes; a label is less.
        training: How both classifiers learn.
    """
    alone = classification_accuracy_score(few, test, num_classes, training)
    return Augmented(alone, classification_accuracy_score(few + generated, test, num_classes, training))
