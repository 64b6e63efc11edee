"""Reconstruction: the discriminator's features have to keep what real images look like (FastGAN)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.frozen import Frozen
from gan_experiments.core.perceptual import MIN_PIXELS, PerceptualEmbedding, load_backbone
from gan_experiments.core.precision import in_float32
from gan_experiments.core.rules import DISCRIMINATOR, check_colours, image_size, option
from gan_experiments.core.types import NonNegativeFloat, PositiveInt


class Reconstruction(Penalty):
    """Self-supervision: decoders inside the discriminator reconstruct reals from its features (Liu 2021, equation 2).

    Each real is reconstructed as a whole from either of its copies, and one quarter of it, drawn anew in every step.
    The distance is the mean absolute difference of pixels (``l1``) or LPIPS with AlexNet (``lpips``); the authors take
    LPIPS with VGG.

    Args:
        weight: Factor of the term. The authors add up the distances of a batch of 8: 8.
        interval: Apply in every ``interval``-th step.
        distance: Of an image and its reconstruction.
        weights: File of AlexNet's weights for ``lpips``; default: torchvision's, downloaded once into the cache folder.

    Raises:
        WeightsMissingError: The weights are not on this machine and cannot be downloaded.
    """

    needs_features: ClassVar[bool] = True
    reconstructs: ClassVar[bool] = True

    def __init__(
        self,
        weight: NonNegativeFloat = 1.0,
        interval: PositiveInt = 1,
        distance: Literal["l1", "lpips"] = "l1",
        weights: str | None = None,
    ) -> None:
        super().__init__(weight, interval)
        self.embed: Frozen | None = None
        if distance == "lpips":
            self.embed = Frozen(PerceptualEmbedding(load_backbone(weights, "penalty.reconstruction.weights")))

    def discriminator(self, step: Step) -> Tensor:
        """Return the sum over kinds of reconstruction of the mean distance to the real images."""
        images, features = in_float32(step.real.detach()), step.real_features
        if features is None:
            features = step.discriminator.features(images, step.labels)  # type: ignore[operator]
        quarters = step.rng.integers(4, len(features))
        pairs = step.discriminator.reconstruct(in_float32(features), images, quarters)  # type: ignore[operator]
        return torch.stack([self._distance(*pair) for pair in pairs]).sum()

    def _distance(self, made: Tensor, wanted: Tensor) -> Tensor:
        if self.embed is None:
            return (made - wanted).abs().mean()
        distances: Tensor = (self.embed(made) - self.embed(wanted)).square().sum(dim=1)
        return distances.mean()

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a discriminator without decoders, images that LPIPS does not take, and weights that nothing uses."""
        yield from super().check(key, options, config)
        discriminator, size = config.component(DISCRIMINATOR), image_size(config)
        if discriminator is not None and not hasattr(discriminator, "reconstruct"):
            text = f"{discriminator.__name__} has no decoders to train; take model=fastgan, or leave it out"
            yield Problem(key, text)
        if option(config, key, "distance") == "lpips" and size is not None and size < 2 * MIN_PIXELS:
            text = f"reconstructions have half the size of the images, {size // 2} pixels, and LPIPS needs {MIN_PIXELS}"
            yield Problem(f"{key}.distance", f"{text}; take l1")
        if option(config, key, "distance") == "lpips":
            yield from check_colours(key, config)
            if option(config, DISCRIMINATOR, "packing") not in (None, 1):
                yield Problem(f"{key}.distance", f"LPIPS takes single images; take l1, or {DISCRIMINATOR}.packing=1")
        if option(config, key, "distance") == "l1" and option(config, key, "weights") is not None:
            yield Problem(f"{key}.weights", "only distance=lpips has weights")
