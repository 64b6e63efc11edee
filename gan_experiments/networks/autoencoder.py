"""Autoencoder discriminator for energy-based losses."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

from torch import Tensor, nn

from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.types import DataFacts, Packing, Width
from gan_experiments.networks.sizes import multiples, smallest_maps

_HALVINGS = {8: 2, 16: 2, 28: 2, 32: 3, 64: 3}  # by image size


class AutoencoderDiscriminator(Discriminator):
    """Images to energies: the reconstruction error of an autoencoder.

    The encoder has 4x4 convolutions of stride 2 with LeakyReLU(0.2), the decoder transposed ones, as in Zhao, Mathieu &
    LeCun 2016; the code is one vector, as in Berthelot, Schumm & Metz 2017.

    Args:
        facts: Size and channels of the images.
        channels: Channels of the layer nearest the image; they double with every halving of the size.
        code_dim: Length of the code.
        norm: Normalization before every activation but the first. Batch norm is not offered: the energy of an image
            would depend on the other images of its batch.
        error: Mean over pixels of absolute (``"l1"``, Berthelot) or squared (``"l2"``, Zhao) differences.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).

    Raises:
        ConfigError: The image size is not supported.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(_HALVINGS)
    side_multiple = multiples(_HALVINGS)
    output: ClassVar[str] = "energy"

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 64,
        code_dim: Width = 64,
        norm: Literal["layer", "none"] = "layer",
        error: Literal["l1", "l2"] = "l1",
        packing: Packing = 1,
    ) -> None:
        super().__init__(facts, packing)
        halvings = _HALVINGS[facts.shorter_side]
        widths = [self.input_channels, *(channels * 2**stage for stage in range(halvings))]
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []
        for depth, (outer, inner) in enumerate(pairwise(widths)):
            down = nn.Conv2d(outer, inner, 4, stride=2, padding=1)
            back = nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1)
            encoder += [down, *_norm_and_activation(norm if depth else "none", inner)]
            decoder = [*_norm_and_activation(norm, inner), back, *decoder]
        end = smallest_maps(facts, halvings)
        flat = widths[-1] * end[0] * end[1]
        self.encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(flat, code_dim))
        self.decoder = nn.Sequential(nn.Linear(code_dim, flat), nn.Unflatten(1, (widths[-1], *end)), *decoder)
        self.error = error

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to codes ``(B, code_dim)``; labels are not used."""
        code: Tensor = self.encoder(self.packed(images))
        return code

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` in [-1, 1] to energies ``(B,)``, at least 0; labels are not used."""
        difference: Tensor = self.decoder(self.features(images)) - self.packed(images)
        return (difference.abs() if self.error == "l1" else difference.square()).flatten(1).mean(dim=1)


def _norm_and_activation(norm: str, channels: int) -> list[nn.Module]:
    activation = nn.LeakyReLU(0.2, inplace=True)
    return [nn.GroupNorm(1, channels), activation] if norm == "layer" else [activation]
