"""PPL: perceptual path length of a generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Generator
from gan_experiments.core.perceptual import Backbone, PerceptualEmbedding, load_backbone, reduced
from gan_experiments.core.step import Batch, Generated, Translated
from gan_experiments.core.types import ConfigError
from gan_experiments.core.weights import hash_weights
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.functional.path_length import mean_without_extremes, perceptual_path_lengths
from gan_experiments.metrics.measure import Measure

StepLength = Annotated[float, Interval(ge=1e-6, le=1)]  # shorter ones are lost in the rounding of images


class PathLength(Measure):
    """Perceptual path length: the mean LPIPS of images a small step apart, over its square (Karras et al. 2019).

    A path leads from the latent of each generated image to another, of the same class. As in the code of StyleGAN2,
    the lowest and highest 1 % do not count, and larger images are averaged to 256 pixels; images are not cropped. Its
    images are square; of rectangular ones the shorter side counts, as for projections.

    Values:
        ``ppl``: 0 for a generator that ignores its latents, so it does not measure quality. There is no real baseline.

    Args:
        space: ``z``: on the arc between latents; ``w``: on the line between styles, for generators with a mapping.
        sampling: ``full``: at random positions of the path; ``end``: at its beginning.
        epsilon: Length of the step, as a share of the path.
        network: That of LPIPS: ``vgg`` as in the papers, or ``alex``.
        weights: File of torchvision's weights of it; default: downloaded once into the cache folder.
    """

    values: ClassVar[tuple[str, ...]] = ("ppl",)
    higher_is_better = False
    final_only: ClassVar[bool] = True
    lengths: list[Tensor]

    def __init__(
        self,
        space: Literal["z", "w"] = "z",
        sampling: Literal["full", "end"] = "full",
        epsilon: StepLength = 1e-4,
        network: Backbone = "vgg",
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.space = space
        self.sampling = sampling
        self.epsilon = epsilon
        self.network = network
        self._weights = weights
        self._embedding: list[PerceptualEmbedding] = []  # in a list: a metric's modules would be saved with it
        self.add_state("lengths", [], dist_reduce_fx="cat")

    def prepare(self, data: ImageSource) -> None:
        """Load the network of LPIPS.

        Raises:
            ConfigError: Its weights are not available.
            ValueError: The images are smaller than 32 pixels.
        """
        if not self._embedding:
            embedding = PerceptualEmbedding(
                load_backbone(self._weights, "metrics.measures.ppl.weights", self.network), self.network
            )
            embedding(data.images[:1].cpu())
            self._embedding.append(embedding)

    def update_batch(self, batch: Batch | Generated | Translated) -> None:
        """Take a step from the latents of generated images.

        Raises:
            ConfigError: There are images only, or their latents are truncated.
        """
        if not isinstance(batch, Generated) or batch.step is None:
            raise ConfigError("metrics.measures.ppl: needs a generator, without truncation; leave it out for images")
        if len(batch.images):
            self.update(*batch.step(self.space, self.sampling, self.epsilon))

    def update(self, before: Tensor, after: Tensor) -> None:
        """Add pairs of images ``(B, C, H, W)`` in [-1, 1], a step apart."""
        network = self._embedding[0].to(before.device)
        with torch.no_grad(), torch.autocast(before.device.type, enabled=False):
            first, second = (network(reduced(images)) for images in (before, after))
        self.lengths.append(perceptual_path_lengths(first, second, self.epsilon))

    def compute(self) -> Tensor:
        """Return the mean, a float64 scalar, and set its margin.

        Raises:
            ValueError: There are no pairs.
        """
        if not len(self.lengths):
            raise ValueError("PPL has no generated images")
        mean, kept = mean_without_extremes(dim_zero_cat(self.lengths))
        self.margins = {"ppl": margin_of_mean(kept)}
        return torch.tensor(mean, dtype=torch.float64)

    def provenance(self) -> dict[str, Any]:
        """Return its options, with the hash of the weights in place of their file."""
        hashed = hash_weights(self._embedding[0].state_dict()) if self._embedding else ""
        return {**super().provenance(), "weights": hashed}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse translators, and the space of styles for a generator that has none."""
        yield from super().check(key, options, config)
        system, generator = config.component("model"), config.component("model.generator")
        if system is not None and getattr(system, "translates", False):
            yield Problem(key, f"{system.__name__} has no latents to walk between; leave this measure out")
        elif options.get("space") == "w" and generator and getattr(generator, "styles", None) is Generator.styles:
            yield Problem(f"{key}.space", f"w, but {generator.__name__} maps latents to no styles; z is for all")
