"""BigGAN generator (Brock, Donahue & Simonyan 2019, appendix B); the discriminator is a ResidualDiscriminator."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_experiments.core.contracts import Generator
from gan_experiments.core.types import ConfigError, DataFacts, Width
from gan_experiments.networks.conditioning import with_labels
from gan_experiments.networks.layers import draw_orthogonal, normalize_spectrally, vector_map
from gan_experiments.networks.residual import PLANS, Attention, Decoder, multiples_of


class BigGANGenerator(Generator):
    """Latents to images through residual blocks, each conditioned on a part of the latent and a class embedding.

    The first part is projected to the first feature maps. The gains and shifts of each block's normalizations are
    linear in its own part and in the class embedding, which all blocks share.

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector; a multiple of the number of blocks plus one.
        channels: Unit of width. At 48 pixels and more it is that of the layer nearest the image; up to 32 pixels all
            layers have four times as many.
        embedding_dim: Length of the class embedding.
        attention: Size of the feature maps with self-attention, relative to the image.
        spectral_norm: Divide every weight except the embedding by its largest singular value.
        conditional: Whether it generates images of a given class.

    Raises:
        ConfigError: The image size is not supported, the latent cannot be divided equally, or the images have no labels
            to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(PLANS)
    side_multiple = multiples_of(PLANS)
    bounded = True

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 120,
        channels: Width = 96,
        embedding_dim: Width = 128,
        attention: Attention = "half",
        spectral_norm: bool = True,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        parts = len(PLANS[facts.shorter_side].generator)
        if latent_dim % parts:
            fits = [latent_dim // parts * parts + more for more in (0, parts) if latent_dim + more > parts]
            hint = f"{' and '.join(map(str, fits))} {'are' if len(fits) > 1 else 'is'}"
            raise ConfigError(f"model.generator.latent_dim: {latent_dim} is not a multiple of {parts}; {hint}")
        self.part = latent_dim // parts
        self.embedding = nn.Embedding(facts.num_classes, embedding_dim) if conditional else None
        length = self.part + embedding_dim * conditional
        self.decoder = Decoder(facts, self.part, channels, attention, vector_map(length))
        draw_orthogonal(self)
        if spectral_norm:
            normalize_spectrally(self, embeddings=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if conditional, to ``(B, C, H, W)`` in [-1, 1]."""
        first, *others = torch.split(latents, self.part, dim=1)
        if self.embedding is not None:
            embedded = self.embedding(labels)  # (B, embedding_dim)
            others = [torch.cat([embedded, part], dim=1) for part in others]
        images: Tensor = self.decoder(first, others)
        return images
