"""Classification accuracy score: the accuracy on real images of a classifier trained on generated ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts
from gan_experiments.metrics.classifier import Classifier, correct_predictions, train_classifier


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
        """Return these images, followed by the others."""
        return LabelledImages(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))

    def few(self, per_class: int, seed: int) -> LabelledImages:
        """Return ``per_class`` images of each class, chosen at random as a function of the seed.

        Raises:
            ValueError: A class has fewer images.
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
class ClassifierTraining:
    """How a classifier is trained; its network is that of the native features, from fresh weights.

    Attributes:
        width: Channels of its first layer.
        images_shown: Training images including repetitions; the same for any set, so that a larger set does not also
            mean a longer training.
        seed: Seed of its weights and of the order of the images.
    """

    width: int = 16
    images_shown: int = 80000
    seed: int = 0


def classification_accuracy_score(
    train: LabelledImages, test: LabelledImages, num_classes: int, training: ClassifierTraining | None = None
) -> Tensor:
    """Train a classifier on one set of images and test it on another; the mean of the result is its accuracy.

    With generated images to train on and real ones to test on, this is the classification accuracy score of Ravuri &
    Vinyals 2019. They use a ResNet-50; scores of different classifiers cannot be compared. Trained on as many real
    images, it is the score of a perfect generator.

    Args:
        train: Training images.
        test: Test images.
        num_classes: Labels are from 0 to ``num_classes - 1``.
        training: How the classifier is trained.

    Returns:
        1 for each test image that is classified correctly, else 0: float64, ``(N,)``.

    Raises:
        ValueError: The images differ in size or channels, or one of the sets is empty.
    """
    training = training or ClassifierTraining()
    channels, height, width = train.images.shape[1:]
    if train.images.shape[1:] != test.images.shape[1:]:
        raise ValueError(f"trained on {(channels, height, width)} and tested on {tuple(test.images.shape[1:])}")
    if not (len(train) and len(test)):
        raise ValueError("a classifier needs images to learn from and images to be tested on")
    facts = DataFacts("classification", (height, width), channels, num_classes)
    with torch.inference_mode(False), torch.enable_grad():
        network = Classifier(facts, training.width, training.seed, "classification", "weights")
        network = network.to(train.images.device)
        everything, keys = torch.arange(len(train)), (training.seed, "classification")
        train_classifier(network, train.images, train.labels, everything, training.images_shown, *keys)
        return correct_predictions(network, test.images, test.labels).double()


@dataclass(frozen=True)
class AugmentationGain:
    """Which test images are classified correctly, 1 or 0, float64 ``(N,)``, by classifiers of two training sets.

    Attributes:
        few: Trained on the few real images alone.
        few_and_generated: Trained on these and the generated images.
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
    training: ClassifierTraining | None = None,
) -> AugmentationGain:
    """Train a classifier on a few real images, with and without generated images, for the same number of steps.

    Data augmentation with generated images (Ravuri & Vinyals 2019, section 4.3, where it is done on the full data).

    Args:
        few: A few real images: ``LabelledImages.few``.
        generated: Images that are added to them.
        test: Real images that are not among ``few``.
        num_classes: Labels are from 0 to ``num_classes - 1``.
        training: How both classifiers are trained.

    Raises:
        ValueError: The images differ in size or channels, or one of the sets is empty.
    """
    alone = classification_accuracy_score(few, test, num_classes, training)
    return AugmentationGain(alone, classification_accuracy_score(few + generated, test, num_classes, training))
