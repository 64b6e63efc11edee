"""Perceptual diversity: mean LPIPS over pairs of generated images."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from gan_experiments.core.perceptual import PerceptualEmbedding, load_backbone
from gan_experiments.core.weights import hash_weights
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.measure import Measure


class PerceptualDiversity(Measure, LearnedPerceptualImagePatchSimilarity):
    """Mean LPIPS (Zhang et al. 2018) over all pairs of generated images, in time linear in their number.

    The LPIPS of torchmetrics with AlexNet, which takes pairs there. It is a squared distance of embeddings, so its mean
    over all pairs is twice the variance of the embeddings, computed from sums over images. Memory: two embeddings.

    Values:
        ``lpips_diversity``: 0 if all images are the same; larger is more diverse. It does not measure quality: compare
        it with its real baseline.

    Args:
        weights: File of torchvision's AlexNet weights; default: downloaded once into the cache folder.
    """

    values: ClassVar[tuple[str, ...]] = ("lpips_diversity",)
    higher_is_better = True
    has_real_baseline: ClassVar[bool] = True
    net: Any
    count: Tensor
    sum: Tensor
    squares: Tensor

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        self._weights = weights
        self._weight_hash = ""
        self.net = None

    def prepare(self, data: ImageSource) -> None:
        """Load the network.

        Raises:
            ConfigError: Its weights are not available.
            ValueError: The images are smaller than 32 pixels.
        """
        if self.net is None:
            self._load(data.images[:1])

    def _load(self, images: Tensor) -> None:
        embedding = PerceptualEmbedding(load_backbone(self._weights))
        length = embedding(images.cpu()).shape[1]
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("squares", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("sum", torch.zeros(length, dtype=torch.float64), dist_reduce_fx="sum")
        self.net, self._weight_hash = embedding, hash_weights(embedding.state_dict())

    def update(  # type: ignore[override]  # takes no pairs
        self, images: Tensor, real: bool = False, labels: Tensor | None = None
    ) -> None:
        """Add generated images ``(B, C, H, W)``, uint8; real ones are ignored."""
        if len(images) and not real:
            if self.net is None:
                self._load(images[:1])
            network = self.to(images.device).net
            with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
                embeddings = network(images).double()
            self.count += len(images)
            self.squares += embeddings.square().sum()
            self.sum += embeddings.sum(0)

    def compute(self) -> Tensor:
        """Return the mean over all pairs of images, a float64 scalar.

        Raises:
            ValueError: There are fewer than two images.
        """
        count = int(self.count)
        if count < 2:
            raise ValueError(f"diversity needs at least 2 images, not {count}")
        scatter = self.squares - self.sum.square().sum() / count
        return torch.tensor(max(0.0, 2 * scatter.item() / (count - 1)), dtype=torch.float64)

    def provenance(self) -> dict[str, Any]:
        """Return what its values depend on: the hash of the weights, not the path of their file."""
        return {"weights": self._weight_hash}
