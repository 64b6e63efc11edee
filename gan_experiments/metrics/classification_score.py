"""What generated images are worth to a classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, NonNegativeInt, PositiveInt
from gan_experiments.metrics.classification import (
    LabelledImages,
    Training,
    augmentation_gain,
    classification_accuracy_score,
)
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.measure import Measure
from gan_experiments.metrics.uncertainty import margin_of_mean


class ClassificationScore(Measure):
    """Accuracies on real images of classifiers that learn from generated ones (Ravuri & Vinyals 2019).

    The classifier is that of the native features, so that figures compare with none of another classifier. It keeps
    all generated images, and trains four classifiers.

    Where ``dataset.limit`` or ``dataset.per_class`` leaves images out of the generator's training, it is tested on
    these, and the real images to learn from are drawn from the others. Where nothing is left out it is tested on a
    random fifth, which the generator was trained on, so that ``cas`` and ``few_gain`` also reward copies of it.

    Values:
        ``cas``: of one trained on generated images; ``cas_real``: on as many real ones, or all there are.
        ``few``: of one trained on ``few_per_class`` real images of each class; ``few_gain``: what is added by adding
        the generated ones to these. Their margins are over the images tested on, for the classifiers at hand.

    Args:
        few_per_class: The little data.
        training_images: Images that each classifier is shown.
        width: Channels of its first layer.
        seed: Of its weights, and of the order of the real images, which says which fifth it is tested on.
    """

    values: ClassVar[tuple[str, ...]] = ("cas", "cas_real", "few", "few_gain")
    final_only: ClassVar[bool] = True
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
        self._learn, self._test = self._split(data)
        least = int(data.labels[self._learn].bincount(minlength=data.facts.num_classes).min())
        if least < self.few_per_class:
            told = f"{self.few_per_class} images per class asked for, {least} of one are there to learn from"
            raise ConfigError(f"metrics.measures: few_per_class: {told} in {data.facts.name}")
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
        train, test = (
            LabelledImages(self._data.images[part].to(images.device), self._data.labels[part].to(images.device))
            for part in (self._learn, self._test)
        )
        classes = self._data.facts.num_classes
        training = Training(self.width, self.training_images, self.seed)
        real = LabelledImages(train.images[: len(generated)], train.labels[: len(generated)])
        cas, cas_real = (classification_accuracy_score(part, test, classes, training) for part in (generated, real))
        found = augmentation_gain(train.few(self.few_per_class, training.seed), generated, test, classes, training)
        each = dict(zip(self.values, (cas, cas_real, found.few, found.few_and_generated - found.few), strict=True))
        self.margins = {name: margin_of_mean(of_images) for name, of_images in each.items()}
        return {name: of_images.mean().item() for name, of_images in each.items()}

    def provenance(self) -> dict[str, Any]:
        """Say what its values depend on: its options, and whether the generator has seen what it is tested on."""
        tested_on = "images left out" if _leaves_out(self._data) else "a fifth of all"
        return {**super().provenance(), "tested_on": tested_on}

    def _split(self, data: ImageSource) -> tuple[Tensor, Tensor]:
        """Return which images to learn from and which to be tested on, in random order."""
        order = Stream(self.seed, "classification test").permutation(len(data.images))
        if data.trained is not None and _leaves_out(data):
            seen = data.trained[order]
            return order[seen], order[~seen]
        border = len(order) // 5
        return order[border:], order[:border]


def _leaves_out(data: ImageSource | None) -> bool:
    return data is not None and data.trained is not None and not bool(data.trained.all())
