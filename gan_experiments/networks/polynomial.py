"""Networks with few parameters whose equilibrium is known: a point, a linear generator, a polynomial discriminator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator, DiscriminatorOutput, Generator
from gan_experiments.core.types import DataFacts, Width


class PointGenerator(Generator):
    """All latents to one image, whose pixels are the parameters: for the Dirac-GAN (Mescheder et al. 2018).

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector, which has no effect.
    """

    side_multiple = 1

    def __init__(self, facts: DataFacts, latent_dim: Width = 1) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.point = nn.Parameter(torch.empty(facts.shape).uniform_(-1, 1))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the image for each of the latents ``(B, latent_dim)``: ``(B, C, H, W)``, not bounded."""
        nothing = 0 * latents.sum(1).view(-1, 1, 1, 1)  # some penalties differentiate by the latents
        return self.point + nothing

    def to_equilibrium(self, covariance: Tensor) -> None:
        """Move to the point 0, the equilibrium on data of this ``covariance`` around 0: ``(D, D)``, zeros."""
        self.point.zero_()


class LinearGenerator(Generator):
    """A linear map of the latents: with a quadratic discriminator it finds principal components (Feizi et al. 2017).

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector, the rank of the covariance of the images.
    """

    side_multiple = 1

    def __init__(self, facts: DataFacts, latent_dim: Width = 1) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.weight = nn.Parameter(torch.empty(math.prod(facts.shape), latent_dim).uniform_(-1, 1) / latent_dim**0.5)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return ``A z``, ``(B, C, H, W)``, not bounded."""
        return (latents.to(self.weight.dtype) @ self.weight.T).view(-1, *self.facts.shape)

    def to_equilibrium(self, covariance: Tensor) -> None:
        """Move to the principal components, scaled: ``A A^T`` is the ``covariance`` ``(D, D)`` of the equilibrium."""
        values, vectors = torch.linalg.eigh(covariance)
        self.weight.copy_((vectors * values.clamp(min=0).sqrt())[:, -self.latent_dim :])

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse another number of latents than the principal components that the dataset asks for."""
        yield from super().check(key, options, config)
        components, latents = config.get("dataset.components"), config.get(f"{key}.latent_dim", 1)
        if isinstance(components, int) and isinstance(latents, int) and components != latents:
            text = f"{latents} latents have no equilibrium of dataset.components={components} principal components"
            yield Problem(f"{key}.latent_dim", f"{text}; set it to {components}")


class PolynomialDiscriminator(Discriminator):
    """A linear form of the pixels, or a quadratic form of them; ``features`` are the monomials that it weights.

    Monomials of degree 2 are scaled so that the gradient by the weights is that by a symmetric matrix ``W`` of
    ``x^T W x / 2``.

    Args:
        facts: Size and channels of the images.
        degree: 1: ``w^T x`` (Mescheder, Geiger & Nowozin 2018, definition 2.1); 2: ``x^T W x / 2``.
        bias: Add a number that is learned; without one the output for an image of zeros is 0.
    """

    side_multiple = 1

    def __init__(self, facts: DataFacts, degree: Literal[1, 2] = 1, bias: bool = False) -> None:
        super().__init__(facts)
        self.degree = degree
        size = math.prod(facts.shape)
        count = size if degree == 1 else size * (size + 1) // 2
        self.weight = nn.Parameter(torch.empty(count).uniform_(-1, 1) / count**0.5)
        self.bias = nn.Parameter(torch.zeros(())) if bias else None

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the monomials, ``(B, F)``."""
        pixels = images.flatten(1)
        if self.degree == 1:
            return pixels
        first, second = torch.triu_indices(pixels.shape[1], pixels.shape[1], device=pixels.device)
        scale = torch.where(first == second, 0.5, 0.5**0.5).to(pixels.dtype)
        return scale * pixels[:, first] * pixels[:, second]

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return the output and the monomials it was computed from, in one pass."""
        features = self.features(images)
        output = (features * self.weight).sum(1)
        return DiscriminatorOutput(output if self.bias is None else output + self.bias, features)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images ``(B, C, H, W)`` to outputs ``(B,)``."""
        return self.forward_with_features(images).output
