"""The contracts of losses, penalties, networks and augmentations: base classes and the rules that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, float64, nn
from torch.special import ndtr, ndtri

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.randomness import Stream
from gan_experiments.core.rules import (
    DISCRIMINATOR,
    check_class_head,
    check_image_size,
    check_kind,
    check_labels,
    check_packing,
    check_several_processes,
    check_translator,
    check_within_run,
    refuse_rectangle,
)
from gan_experiments.core.step import Batch, DiscriminatorOutput, Step
from gan_experiments.core.types import DataFacts, KnownDistribution, NonNegativeFloat, PositiveInt

__all__ = [
    "Augmentation", "Batch", "Discriminator", "DiscriminatorOutput", "Encoder", "Generator", "KnownDistribution",
    "Loss", "Penalty", "Step",
]  # fmt: skip


class Loss(nn.Module):
    """An adversarial loss: a function of the discriminator's outputs, without random numbers, backward or optimizer.

    Attributes:
        generator_needs_real: Whether ``generator`` compares fakes with reals, as the relativistic losses do.
        discriminator_output: The kind of output it is computed on: ``"logits"``, or ``"energy"`` of an autoencoder.
        pairs: Whether it compares each fake with one real; a conditional fake then has the class of that real.
        couples_batch: Whether it compares samples of a batch, so that a batch cannot be computed in parts.
        gathers_batch: Whether it then compares those of all processes, not only those of its own.
        shift_invariant: Whether it depends only on differences of outputs, so that their sign means nothing.
    """

    generator_needs_real: ClassVar[bool] = False
    pairs: ClassVar[bool] = False
    discriminator_output: ClassVar[str] = "logits"
    couples_batch: ClassVar[bool] = False
    gathers_batch: ClassVar[bool] = False
    shift_invariant: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar that the discriminator minimizes, from its outputs ``(B,)`` or patch maps ``(B, ...)``."""
        raise NotImplementedError

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the scalar that the generator minimizes; ``real`` is given if ``generator_needs_real``."""
        raise NotImplementedError

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a discriminator with another kind of output; warn if processes would each compare part of a batch."""
        discriminator = config.component(DISCRIMINATOR)
        made = getattr(discriminator, "output", cls.discriminator_output)
        if discriminator is not None and made != cls.discriminator_output:
            advice = "model=autoencoder" if cls.discriminator_output == "energy" else "another model"
            text = f"{cls.__name__} needs a discriminator that returns {cls.discriminator_output!r}"
            hint = f"take {advice}, or a loss that is computed on {made!r}"
            yield Problem(key, f"{text}, {discriminator.__name__} returns {made!r}: {hint}")
        yield from check_several_processes(key, config)


class Penalty(nn.Module):
    """A term or constraint in addition to the loss; a subclass overrides the hooks it needs, and the system calls all.

    The system calls the hooks in float32 with autocast off, and adds ``weight * interval * value`` in every
    ``interval``-th step of the network (lazy regularization, Karras et al. 2020, appendix B). State is kept in buffers.

    Attributes:
        differentiates_real: Whether ``discriminator`` needs the gradient of ``real_output`` with respect to ``real``.
        differentiates_fake: Whether ``discriminator`` needs the gradient of ``fake_output`` with respect to ``fake``.
        second_order: Whether it differentiates a gradient, which excludes ``16-mixed``.
        needs_per_sample_gradients: Whether it constrains the gradient of each sample, which batch norm would mix.
        needs_features: Whether it calls ``discriminator.features(images, labels) -> (B, F)``.
        needs_latents: Whether it generates from latents of its own, or differentiates by latents.
        couples_batch: Whether it compares samples of a batch, so that a batch cannot be computed in parts.
        gathers_batch: Whether it then compares those of all processes, not only those of its own.
        trains: The ``conditioning`` of the discriminator whose class head it trains; empty if it trains none.
        kind: Penalties of the same kind constrain the same quantity: two of them in one config give a warning.
        before_augmentation: Whether it differentiates by the step's clean images instead of the augmented ones.

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
    """

    differentiates_real: ClassVar[bool] = False
    differentiates_fake: ClassVar[bool] = False
    second_order: ClassVar[bool] = False
    needs_per_sample_gradients: ClassVar[bool] = False
    needs_features: ClassVar[bool] = False
    needs_latents: ClassVar[bool] = False
    couples_batch: ClassVar[bool] = False
    gathers_batch: ClassVar[bool] = False
    trains: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    before_augmentation: bool = False

    def __init__(self, weight: NonNegativeFloat = 1.0, interval: PositiveInt = 1) -> None:
        super().__init__()
        self.weight = weight
        self.interval = interval

    def adapt_to(self, facts: DataFacts, batch_size: int) -> None:
        """Choose what follows from the images that the discriminator sees and the global batch, such as a weight."""

    def latents(self, step: Step) -> Tensor:
        """Return the latents to generate from instead of ``step.latents`` (latent optimization)."""
        return step.latents

    def discriminator(self, step: Step) -> Tensor | None:
        """Return the scalar to add to the discriminator's loss, without its weight; ``None`` for no term."""
        return None

    def generator_outputs(self, output: Tensor, step: Step) -> Tensor:
        """Return the outputs for fakes that the generator's loss is computed on (top-k training)."""
        return output

    def generator(self, step: Step) -> Tensor | None:
        """Return the scalar to add to the generator's loss, without its weight; ``None`` for no term."""
        return None

    def after_discriminator_step(self, discriminator: nn.Module) -> None:
        """Change the discriminator after its optimizer step (weight clipping)."""

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Compare what the penalty needs with precision, discriminator, loss and the other penalties."""
        if cls.second_order and config.get("trainer.precision") == "16-mixed":
            reason = "its loss scaling would be differentiated too; bf16-mixed and 32-true work"
            yield Problem("trainer.precision", f"16-mixed cannot be combined with {key}: {reason}")
        loss, discriminator = config.component("loss"), config.component(DISCRIMINATOR)
        drops_fakes = cls.generator_outputs is not Penalty.generator_outputs
        if drops_fakes and loss is not None and getattr(loss, "pairs", False):
            text = f"{cls.__name__} drops fakes, but {loss.__name__} compares each fake with one real"
            yield Problem(key, f"{text}; take another loss or leave the penalty out")
        without_features = getattr(discriminator, "features", None) in (None, Discriminator.features)
        if cls.needs_features and discriminator is not None and without_features:
            yield Problem(key, f"{cls.__name__} needs features, which {discriminator.__name__} does not have")
        moves = cls.needs_latents or cls.latents is not Penalty.latents
        yield from check_translator(key, "latents" * moves, config)
        yield from check_class_head(key, cls.trains, config)
        yield from check_kind(key, cls.kind, config)
        effect = "it acts in the first step only, with its weight multiplied by the interval"
        yield from check_within_run(key, "interval", effect, config, steps=True)
        yield from check_several_processes(key, config)


class Generator(nn.Module):
    """A network from latents to images, built for the size, channels and classes of the dataset.

    Attributes:
        provided: Constructor arguments that the program passes; a config cannot set them.
        image_sizes: Image sizes in pixels that it can generate, of rectangles the shorter side; ``None`` for any.
        side_multiple: What the longer side of rectangles must be a multiple of: one number, or one for each shorter
            side; ``None``: it takes squares only.
        latent_dim: Length of a latent vector, drawn from a standard normal.
        conditional: Whether ``forward`` uses labels.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)
    image_sizes: ClassVar[tuple[int, ...] | None] = None
    side_multiple: ClassVar[int | Mapping[int, int] | None] = None
    latent_dim: int
    conditional: bool = False

    def __init__(self, facts: DataFacts) -> None:
        super().__init__()
        refuse_rectangle(type(self), facts)
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
        refuse_rectangle(type(self), facts)
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
    image_sizes: ClassVar[tuple[int, ...] | None] = None
    side_multiple: ClassVar[int | Mapping[int, int] | None] = None
    output: ClassVar[str] = "logits"
    conditional: bool = False
    class_head: nn.Module | None

    def __init__(self, facts: DataFacts, packing: int = 1) -> None:
        super().__init__()
        refuse_rectangle(type(self), facts)
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


class Augmentation(nn.Module):
    """A differentiable transform of reals and fakes before the discriminator.

    State, such as an adaptive probability, is kept in buffers. The other hooks are for adaptive augmentations and for
    those that show fakes as reals; the system calls all of them.

    Attributes:
        provided: Constructor arguments that the program passes; a config cannot set them.
        mixes_in_fakes: Whether ``as_real`` needs fakes: the system then generates a batch for it, without gradient.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)
    mixes_in_fakes: ClassVar[bool] = False

    def forward(self, images: Tensor, rng: Stream, images_seen: int) -> Tensor:
        """Return augmented images of the same shape; random parameters come from ``rng``."""
        return images

    def as_real(self, real: Batch, fake: Batch, rng: Stream, images_seen: int) -> Batch:
        """Return the batch to show as real, if ``mixes_in_fakes``; all images are float in [-1, 1]."""
        return real

    def observe(self, real_output: Tensor, images_seen: int, batch_size: int) -> None:
        """Update the state from the discriminator's output for reals, at the end of a step; must not synchronize.

        Args:
            real_output: The output for this process's part of the batch, without gradient.
            images_seen: The clock before this step.
            batch_size: Global batch size.
        """

    @property
    def probability(self) -> Tensor | None:
        """Probability to log; ``None`` if it is constant."""
        return None

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse one that mixes in fakes for a system of translators."""
        yield from check_translator(key, "images generated from noise" * cls.mixes_in_fakes, config)
