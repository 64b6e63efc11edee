"""What generated images are worth to a classifier."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.metrics.classification import (
    LabelledImages,
    Training,
    augmentation_gain,
    classification_accuracy_score,
)
from gan_experiments.metrics.extractor import ImageSource
from gan_experiments.metrics.measure import Measure
from gan_experiments.randomness import Stream
from gan_experiments.types import ConfigError, NonNegativeInt, PositiveInt


class ClassificationScore(Measure):
    """Accuracies on real images of classifiers that learn from generated ones (Ravuri & Vinyals 2019).

    The classifier is that of the native features, so that figures compare with none of another classifier. It keeps
    all generated images, and trains four classifiers.

    Values:
        ``cas``: of one trained on generated images; ``cas_real``: on as many real ones, or all there are.
        ``few``: of one trained on ``few_per_class`` real images of each class; ``few_gain``: what is added by adding
        the generated ones to these.

    Args:
        few_per_class: The little data.
        training_images: Images that each classifier is shown.
        width: Channels of its first layer.
        seed: Of its weights, and of which real images it is tested on: a fifth.
    """

    values: ClassVar[tuple[str, ...]] = ("cas", "cas_real", "few", "few_gain")
    only_in_full: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = True
    full_state_update = False
    images: list[Tensor]
    labels: list[Tensor]

    def __init__(
        self,
        few_per_class: PositiveInt = 20,
        training_images: PositiveInt = 20000,
        width: PositiveInt = 16,
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
        """Take the real images.

        Raises:
            ConfigError: They have no labels, or too few of a class.
        """
        if data.labels is None:
            raise ConfigError(f"metrics.measures: a classification score needs labels; {data.facts.name} has none")
        smallest = int(data.labels.bincount(minlength=data.facts.num_classes).min())
        if smallest * 4 // 5 <= self.few_per_class:
            told = f"{self.few_per_class} images per class asked for, {data.facts.name} has {smallest} of one"
            raise ConfigError(f"metrics.measures: few_per_class: {told}, a fifth of which is for the test")
        self._data = data

    def update(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Take in generated images ``(B, C, H, W)`` and the labels they were asked for ``(B,)``."""
        assert labels is not None
        self.images.append(images)
        self.labels.append(labels)

    def compute(self) -> dict[str, float]:
        """Train and test the classifiers."""
        assert self._data is not None
        assert self._data.labels is not None
        images, labels = (torch.cat(list(values)) if isinstance(values, list) else values
                          for values in (self.images, self.labels))  # fmt: skip
        generated = LabelledImages(images, labels)
        order = Stream(self.seed, "classification test").permutation(len(self._data.images))
        border = len(order) // 5
        test, train = (
            LabelledImages(self._data.images[part].to(images.device), self._data.labels[part].to(images.device))
            for part in (order[:border], order[border:])
        )
        classes = self._data.facts.num_classes
        training = Training(self.width, self.training_images, self.seed)
        real = LabelledImages(train.images[: len(generated)], train.labels[: len(generated)])
        cas, cas_real = (
            classification_accuracy_score(part, test, classes, training).mean().item() for part in (generated, real)
        )
        found = augmentation_gain(train.few(self.few_per_class, training.seed), generated, test, classes, training)
        return {"cas": cas, "cas_real": cas_real, "few": found.few.mean().item(), "few_gain": found.gain}
