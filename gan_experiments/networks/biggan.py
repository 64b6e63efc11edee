"""BigGAN's generator (Brock, Donahue & Simonyan 2019, appendix B); its discriminator is a ResidualDiscriminator."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_experiments.core.contracts import Generator
from gan_experiments.core.types import ConfigError, DataFacts, PositiveInt
from gan_experiments.networks.conditioning import require_labels
from gan_experiments.networks.layers import normalize_spectrally, vector_map
from gan_experiments.networks.residual import Attention, Decoder, initialize, plan_of


class BigGANGenerator(Generator):
    """Latents to images, a part of the latent going to each residual block beside an embedding of the class.

    The first part is projected to the first maps; the others are, with the embedding that all blocks share, what gains
    and shifts of the normalizations are linear in.

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector; a multiple of the number of blocks and one.
        channels: Unit of width. From 48 pixels on it is that of the layer nearest the image, up to 32 pixels all layers
            have four times as many.
        embedding_dim: Length of the class's embedding.
        attention: Size of the maps that attend to themselves, over the image's.
        spectral_norm: Divide every weight but the embedding by its largest singular value.
        conditional: Whether it makes images of a class that is asked for.

    Raises:
        ConfigError: It cannot make images of this size, cannot part the latent equally, or is to be conditional on
            labels that there are not.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = (8, 16, 28, 32, 48, 64, 128)

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: PositiveInt = 120,
        channels: PositiveInt = 96,
        embedding_dim: PositiveInt = 128,
        attention: Attention = "half",
        spectral_norm: bool = True,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = conditional
        parts = len(plan_of(facts).generator)
        if latent_dim % parts:
            fits = " and ".join(
                str(latent_dim // parts * parts + more) for more in (0, parts) if latent_dim + more > parts
            )
            raise ConfigError(f"model.generator.latent_dim: {latent_dim} is not a multiple of {parts}, as {fits} are")
        if conditional:
            require_labels(facts)
        self.part = latent_dim // parts
        self.embedding = nn.Embedding(facts.num_classes, embedding_dim) if conditional else None
        length = self.part + embedding_dim * conditional
        self.decoder = Decoder(facts, self.part, channels, attention, vector_map(length))
        initialize(self, "orthogonal")
        if self.embedding is not None:
            nn.init.orthogonal_(self.embedding.weight)
        if spectral_norm:
            normalize_spectrally(self, embeddings=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if it is conditional, to ``(B, C, H, W)`` in [-1, 1]."""
        first, *others = torch.split(latents, self.part, dim=1)
        if self.embedding is not None:
            embedded = self.embedding(labels)  # (B, embedding_dim)
            others = [torch.cat([embedded, part], dim=1) for part in others]
        images: Tensor = self.decoder(first, others)
        return images
