"""Classification scores: accuracy on real images of classifiers trained on generated ones."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, NonNegativeInt, PositiveInt
from gan_experiments.metrics.classifier import ClassifierWidth, TrainingImages
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.functional.classification_accuracy import (
    ClassifierTraining,
    LabelledImages,
    augmentation_gain,
    classification_accuracy_score,
)
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.measure import Measure


class ClassificationScore(Measure):
    """Accuracies on real images of four classifiers trained on generated, real and both (Ravuri & Vinyals 2019).

    The network is that of the native features, so scores of other classifiers cannot be compared. Keeps all generated
    images.

    Where ``dataset.limit`` or ``dataset.per_class`` holds images out of the training of the generator, the classifiers
    are tested on these, and real training images are drawn from the others. Where nothing is held out, they are tested
    on a random fifth of the images that the generator was trained on, so ``cas`` and ``few_gain`` also reward copies.

    Values:
        ``cas``: trained on generated images. ``cas_real``: trained on as many real images, or all if there are fewer.
        ``few``: trained on ``few_per_class`` real images of each class. ``few_gain``: the increase if the generated
        images are added to these. Margins of error are over the test images, for the classifiers as trained.

    Args:
        few_per_class: Real images of each class for ``few`` and ``few_gain``.
        training_images: Training images of each classifier, including repetitions.
        width: Channels of its first layer.
        seed: Seed of its weights and of the order of the real images, which determines the test images.
    """

    values: ClassVar[tuple[str, ...]] = ("cas", "cas_real", "few", "few_gain")
    higher_is_better = True
    final_only: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = True
    images: list[Tensor]
    labels: list[Tensor]

    def __init__(
        self,
        few_per_class: PositiveInt = 20,
        training_images: TrainingImages = 20000,
        width: ClassifierWidth = 16,
        seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        self.few_per_class = few_per_class
        self.training_images = training_images
        self.width = width
        self.seed = seed
        self._data: ImageSource | None = None
        self.add_state("images", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def prepare(self, data: ImageSource) -> None:
        """Divide the real images into training and test images.

        Raises:
            ConfigError: The images have no labels, or a class has too few.
        """
        if data.labels is None:
            raise ConfigError(f"{self.config_key}: needs labels; {data.facts.name} has none")
        self._learn, self._test = self._split(data)
        least = int(data.labels[self._learn].bincount(minlength=data.facts.num_classes).min())
        if least < self.few_per_class:
            short = f"{self.few_per_class} images per class requested, but one class has {least} training images"
            raise ConfigError(f"{self.config_key}.few_per_class: {short} in {data.facts.name}")
        self._data = data

    def update(self, images: Tensor, real: bool = False, labels: Tensor | None = None) -> None:
        """Add generated images ``(B, C, H, W)`` and the labels they were drawn for ``(B,)``; real ones are ignored."""
        if real:
            return
        assert labels is not None
        self.images.append(images)
        self.labels.append(labels)

    def compute(self) -> dict[str, float]:
        """Train and test the classifiers."""
        assert self._data is not None
        assert self._data.labels is not None
        generated = LabelledImages(dim_zero_cat(self.images), dim_zero_cat(self.labels))
        device = generated.images.device
        train, test = (
            LabelledImages(self._data.images[part].to(device), self._data.labels[part].to(device))
            for part in (self._learn, self._test)
        )
        classes = self._data.facts.num_classes
        training = ClassifierTraining(self.width, self.training_images, self.seed)
        real = LabelledImages(train.images[: len(generated)], train.labels[: len(generated)])
        cas, cas_real = (classification_accuracy_score(part, test, classes, training) for part in (generated, real))
        augmented = augmentation_gain(train.few(self.few_per_class, training.seed), generated, test, classes, training)
        gain = augmented.few_and_generated - augmented.few
        each = dict(zip(self.values, (cas, cas_real, augmented.few, gain), strict=True))
        self.margins = {name: margin_of_mean(of_images) for name, of_images in each.items()}
        return {name: of_images.mean().item() for name, of_images in each.items()}

    def provenance(self) -> dict[str, Any]:
        """Return what its values depend on: its options, and which images the classifiers are tested on."""
        tested_on = "images left out" if _leaves_out(self._data) else "a fifth of all"
        return {**super().provenance(), "tested_on": tested_on}

    def _split(self, data: ImageSource) -> tuple[Tensor, Tensor]:
        """Return the indices of training and of test images, in random order."""
        order = Stream(self.seed, "classification test").permutation(len(data.images))
        if data.trained is not None and _leaves_out(data):
            seen = data.trained[order]
            return order[seen], order[~seen]
        border = len(order) // 5
        return order[border:], order[:border]


def _leaves_out(data: ImageSource | None) -> bool:
    return data is not None and data.trained is not None and not bool(data.trained.all())
