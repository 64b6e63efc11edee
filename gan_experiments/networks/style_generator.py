"""Base of generators with a mapping network: styles, their average, truncation and mixing.

B: batch, C: channels, H, W: height and width, D: length of a style, L: number of layers with a style.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.distributed import mean_over_processes
from gan_experiments.core.types import DataFacts
from gan_experiments.networks.conditioning import with_labels
from gan_experiments.networks.style_layers import MappingNetwork


class StyleGenerator(Generator):
    """Latents to styles through a mapping network; a subclass has ``synthesize`` and ``num_styles``.

    ``styles`` maps a latent to one style, ``mapping`` to one per layer, ``synthesize`` styles to the image. Training
    mixes the styles of two latents and tracks the average style, towards which ``truncated`` interpolates (Karras et
    al. 2019, sections 2 and 3.1, appendix B).

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector.
        style_dim: Length of a style vector.
        mapping_layers: Layers of the mapping network.
        mapping_lr: Learning rate multiplier of the mapping network.
        conditional: Whether styles depend on a label as well.
        mixing: Probability of style mixing: a second latent gives the styles from a random layer on.

    Attributes:
        average_decay: Of the average style, per batch.

    Raises:
        ConfigError: The images have no labels to condition on.
    """

    average_decay: float
    average: Tensor

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: int,
        style_dim: int,
        mapping_layers: int,
        mapping_lr: float,
        conditional: bool,
        mixing: float = 0.0,
    ) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        self.mixing = mixing
        classes = facts.num_classes if conditional else 0
        self.mapping_network = MappingNetwork(latent_dim, classes, style_dim, mapping_layers, mapping_lr)
        self.register_buffer("average", torch.zeros(style_dim))

    def styles(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)`` to styles ``(B, D)``."""
        styles: Tensor = self.mapping_network(latents, labels if self.conditional else None)
        return styles

    def mapping(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` to the styles of all layers, ``(B, L, D)``; mixes two latents in training."""
        styles = self.styles(latents, labels)
        if not self.training:
            return self.for_layers(styles)
        mean = mean_over_processes(styles.mean(dim=0)).to(self.average.dtype)
        with torch.no_grad():
            self.average.lerp_(mean, 1 - self.average_decay)
        return self._mixed(styles, labels) if self.mixing else self.for_layers(styles)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)`` to images ``(B, C, H, W)``, about in [-1, 1]."""
        return self.synthesize(self.mapping(latents, labels))

    def truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Generate with styles at ``truncation`` times their distance from the average style, which reduces variety."""
        styles = self.styles(latents, labels)
        return self.synthesize(self.average + truncation * (styles - self.average))

    def for_layers(self, styles: Tensor) -> Tensor:
        """Return the styles of all layers, ``(B, L, D)``, from one for all, ``(B, D)``, or from themselves."""
        return styles[:, None].expand(-1, self.num_styles, -1) if styles.ndim == 2 else styles

    def _mixed(self, styles: Tensor, labels: Tensor | None) -> Tensor:
        """Replace styles from a random layer on by those of other latents."""
        batch, device = len(styles), styles.device
        others = self.styles(torch.randn(batch, self.latent_dim, device=device, dtype=styles.dtype), labels)
        first = torch.randint(1, self.num_styles, (batch, 1), device=device)
        first = torch.where(torch.rand(batch, 1, device=device) < self.mixing, first, self.num_styles)
        keep = torch.arange(self.num_styles, device=device) < first
        return torch.where(keep[:, :, None], styles[:, None], others[:, None])
