"""The contracts of networks, base classes with the rules that follow from them: generator, encoder, discriminator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, float64, nn
from torch.special import ndtr, ndtri

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.network_rules import check_image_size, check_labels, check_packing, refuse_size
from gan_experiments.core.step import DiscriminatorOutput
from gan_experiments.core.types import DataFacts


class Generator(nn.Module):
    """A network from latents to images, built for the size, channels and classes of the dataset.

    Attributes:
        provided: Constructor arguments that the program passes; a config cannot set them.
        adapter: The class that makes one of any ``nn.Module``.
        image_sizes: Image sizes in pixels that it can generate, of rectangles the shorter side; ``None`` for any.
        side_multiple: What the longer side of rectangles must be a multiple of: one number, or one for each shorter
            side; ``None``: it takes squares only.
        transforms: Whether ``synthesize`` takes a ``transform`` of its input, ``(B, 3, 3)``, as StyleGAN3 does.
        latent_dim: Length of a latent vector, drawn from a standard normal.
        conditional: Whether ``forward`` uses labels.
        num_styles: Layers with a style of their own: from 2 on, ``synthesize`` takes ``(B, num_styles, D)``, too.
        bounded: Whether images are in [-1, 1] whatever the weights, as behind tanh, not only about: what a generator
            must say of itself before its images are taken for probabilities.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)
    adapter: ClassVar[str] = "gan_experiments.networks.plain.ModuleGenerator"
    image_sizes: ClassVar[tuple[int, ...] | None] = None
    side_multiple: ClassVar[int | Mapping[int, int] | None] = None
    transforms: ClassVar[bool] = False
    latent_dim: int
    conditional: bool = False
    num_styles: int = 1
    bounded: bool = False

    def __init__(self, facts: DataFacts) -> None:
        super().__init__()
        refuse_size(type(self), facts)
        self.facts = facts

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)`` to images ``(B, C, H, W)`` in [-1, 1]."""
        raise NotImplementedError

    def styles(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the input of ``synthesize``, ``(B, D)``: the latents, or the output of a mapping network."""
        return latents

    def synthesize(self, styles: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map styles ``(B, D)`` to images; ``forward`` is ``synthesize(styles(latents))``."""
        images: Tensor = self(styles, labels)
        return images

    def style_weight(self) -> Tensor | None:
        """Return the weights ``(F, D)`` of all linear layers that take the styles; ``None`` if there are none."""
        return None

    def truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Generate from latents of a normal distribution truncated at ``truncation``; a smaller one reduces variety.

        Brock, Donahue & Simonyan 2019, section 3.1, draw values beyond the bound again. Here each value is mapped to
        the same quantile of the truncated normal, which gives the same distribution and is continuous in the bound.
        """
        edge = ndtr(latents.new_tensor(-truncation, dtype=float64))
        lower = ndtri(edge + ndtr(-latents.double().abs()) * (1 - 2 * edge))  # quantiles are exact in the lower tail
        images: Tensor = self(lower.copysign(latents.double()).to(latents.dtype), labels)
        return images

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse images of a size that does not fit, missing labels, and a discriminator that ignores classes."""
        yield from check_image_size(key, cls.image_sizes, config)
        yield from check_labels(key, config)


class Encoder(nn.Module):
    """A network from images to a Gaussian with diagonal covariance over latents."""

    provided: ClassVar[tuple[str, ...]] = ("facts", "latent_dim")
    side_multiple: ClassVar[int | Mapping[int, int] | None] = None

    def __init__(self, facts: DataFacts, latent_dim: int) -> None:
        super().__init__()
        refuse_size(type(self), facts)
        self.facts = facts
        self.latent_dim = latent_dim

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, C, H, W)`` in [-1, 1] to mean and logarithm of the variance, each ``(B, latent_dim)``."""
        raise NotImplementedError

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse rectangles that do not fit."""
        yield from check_image_size(key, None, config)


class Discriminator(nn.Module):
    """A network from images to one number each, built for the size, channels and classes of the dataset.

    A subclass with a class head but without an option ``conditioning`` names the kind of its head in a class attribute
    ``conditioning``, for the penalties that train it.

    Attributes:
        provided: Constructor arguments that the program passes; a config cannot set them.
        adapter: The class that makes one of any ``nn.Module``.
        image_sizes: Image sizes in pixels that it accepts, of rectangles the shorter side; ``None`` for any.
        side_multiple: What the longer side of rectangles must be a multiple of, as in :class:`Generator`.
        output: ``"logits"``, or ``"energy"`` for the reconstruction error of an autoencoder.
        conditional: Whether it uses labels.
        couples_batch: Of any module in it: ``True`` if it compares all images of a batch; if it compares groups of
            consecutive images, their number.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).
        input_channels: Channels of what it sees at a time.
        class_head: Module that a penalty calls on features to classify or embed them; ``None`` without one.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)
    adapter: ClassVar[str] = "gan_experiments.networks.plain.ModuleDiscriminator"
    image_sizes: ClassVar[tuple[int, ...] | None] = None
    side_multiple: ClassVar[int | Mapping[int, int] | None] = None
    output: ClassVar[str] = "logits"
    conditional: bool = False
    class_head: nn.Module | None

    def __init__(self, facts: DataFacts, packing: int = 1) -> None:
        super().__init__()
        refuse_size(type(self), facts)
        self.facts = facts
        self.packing = packing
        self.input_channels = packing * facts.channels
        self.class_head = None

    def packed(self, images: Tensor) -> Tensor:
        """Join each ``packing`` consecutive images: ``(B, C, H, W)`` to ``(B / packing, packing * C, H, W)``."""
        return images.reshape(-1, self.input_channels, *images.shape[2:]) if self.packing > 1 else images

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return the output of ``forward`` and the features ``(B, F)`` it was computed from, in one pass."""
        return DiscriminatorOutput(self(images, labels), None)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the last hidden representation of images: ``(B, F)``."""
        raise NotImplementedError

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images ``(B, C, H, W)`` in [-1, 1] to outputs ``(B,)``, larger for real under ``"logits"``.

        With ``packing`` there is one output for as many images: ``(B / packing,)``.
        """
        raise NotImplementedError

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse images of a size that does not fit, missing labels, and a generator that ignores classes.

        Refuse packs of images of different classes, and a batch that is no whole number of packs.
        """
        yield from check_image_size(key, cls.image_sizes, config)
        yield from check_labels(key, config)
        yield from check_packing(key, config)
