"""The dataset of an imported network: the facts of its images, without any."""

from __future__ import annotations

from torch import Tensor

from gan_experiments.core.types import ConfigError, DataFacts, NonNegativeInt, Width
from gan_experiments.data.base import ImageData


class Unavailable(ImageData):
    """The facts of images that are not there.

    Args:
        image_size: Height and width in pixels.
        channels: Colour channels.
        num_classes: Number of classes; 0: no labels.
    """

    def __init__(self, image_size: Width, channels: Width = 3, num_classes: NonNegativeInt = 0, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.known = DataFacts("imported", image_size, channels, num_classes)

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Refuse to: there are none.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("dataset: an imported network comes without images; name the real ones: dataset=...")
