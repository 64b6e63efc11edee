"""What losses, penalties, networks and systems promise each other. Plain torch, no dependency on a concrete part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from torch import Tensor, float64, nn
from torch.special import ndtr, ndtri

from gan_experiments.core.types import DataFacts, NonNegativeFloat, PositiveInt

if TYPE_CHECKING:
    from gan_experiments.core.randomness import Stream


class Batch(NamedTuple):
    """One batch of real data of this rank.

    Attributes:
        images: uint8, ``(B, C, H, W)``; points are float32 in [-1, 1].
        labels: int64, ``(B,)``; ``None`` for unlabelled data.
    """

    images: Tensor
    labels: Tensor | None


class KnownDistribution(Protocol):
    """The distribution that a synthetic dataset is drawn from.

    Attributes:
        num_cells: Parts that the distribution falls into, all equally probable: its modes, where it has modes.
    """

    num_cells: int

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cell nearest each image, int64 ``(B,)``, and whether it might be real, bool ``(B,)``."""


class DiscriminatorOutput(NamedTuple):
    """The discriminator's output ``(B,)`` and the features ``(B, F)`` it was made from, if it has any."""

    output: Tensor
    features: Tensor | None


class Loss(nn.Module):
    """An adversarial loss on the discriminator's outputs; it draws no noise, calls no backward, knows no optimizer.

    Class attributes are read from the source by ``check()``, so they are literals:

    Attributes:
        generator_needs_real: Whether ``generator`` compares fakes with reals (the relativistic losses do).
        discriminator_output: What it is computed on: ``"logits"``, or ``"energy"`` of an autoencoder.
        pairs: Whether it compares each fake with one real; a conditional fake then has the class of that real.
        couples_batch: Whether samples of a batch meet in it, so that it depends on the batch of each process.
        shift_invariant: Whether only differences of outputs matter to it: their sign then tells nothing.
    """

    generator_needs_real: ClassVar[bool] = False
    pairs: ClassVar[bool] = False
    discriminator_output: ClassVar[str] = "logits"
    couples_batch: ClassVar[bool] = False
    shift_invariant: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the scalar that the discriminator minimizes, from its outputs ``(B,)`` or patch maps."""
        raise NotImplementedError

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the scalar that the generator minimizes; ``real`` is given if ``generator_needs_real``."""
        raise NotImplementedError


@dataclass
class Step:
    """What a penalty can see of the step it takes part in. All images are ``(B, C, H, W)`` in [-1, 1], float32.

    Attributes:
        generator: The generator network.
        discriminator: The discriminator network.
        latents: ``(B, latent_dim)`` the fakes were made from.
        labels: ``(B,)`` of the reals, or ``None``; ``fake_labels`` likewise of the fakes.
        real: Real images as the discriminator saw them; in the discriminator's step they require a gradient if
            any active penalty sets ``differentiates_real``. In the generator's step, a batch of reals.
        fake: Fakes as the discriminator saw them: detached in the discriminator's step, where they require a gradient
            if any active penalty sets ``differentiates_fake``; attached in the generator's.
        real_output: The discriminator's output for ``real``, graph attached; ``None`` in a generator's step that
            did not need it.
        fake_output: The discriminator's output for ``fake``, graph attached.
        full_precision: Whether the outputs were computed in float32: only then may a penalty differentiate them
            instead of running the discriminator again.
        rng: The penalty's own stream of random numbers for this step.
        images_seen: The clock before this step.
        real_features: The features that ``real_output`` was made from, graph attached; ``None`` if there is no such
            output, or it is not made from any.
        fake_features: Those of ``fake_output``, likewise.
    """

    generator: nn.Module
    discriminator: nn.Module
    latents: Tensor
    labels: Tensor | None
    fake_labels: Tensor | None
    real: Tensor
    fake: Tensor
    real_output: Tensor | None
    fake_output: Tensor
    full_precision: bool
    rng: Stream
    images_seen: int
    real_features: Tensor | None = None
    fake_features: Tensor | None = None


class Penalty(nn.Module):
    """A term or constraint beside the loss. It overrides the hooks it needs; the system calls all of them.

    The system runs the hooks in float32 with autocast off, and every ``interval`` steps of the network concerned
    adds ``weight * interval * value`` (lazy regularization, Karras 2020, appendix B). What lasts is a buffer.

    Class attributes are read from the source by ``check()``, so they are literals:

    Attributes:
        differentiates_real: Whether ``discriminator`` needs the gradient of ``real_output`` at ``real``.
        differentiates_fake: Whether ``discriminator`` needs the gradient of ``fake_output`` at ``fake``.
        second_order: Whether a gradient is differentiated again (then ``16-mixed`` is refused).
        needs_per_sample_gradients: Whether it constrains the gradient of each sample, which batch norm would mix.
        needs_features: Whether it calls ``discriminator.features(images, labels) -> (B, F)``.
        couples_batch: Whether it compares samples of a batch, so that it depends on the batch of each process.
        trains: The ``conditioning`` of the discriminator whose class head it trains; empty if it trains none.
        kind: Penalties of one kind contradict each other; a config that names two is warned of.

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
    """

    differentiates_real: ClassVar[bool] = False
    differentiates_fake: ClassVar[bool] = False
    second_order: ClassVar[bool] = False
    needs_per_sample_gradients: ClassVar[bool] = False
    needs_features: ClassVar[bool] = False
    couples_batch: ClassVar[bool] = False
    trains: ClassVar[str] = ""
    kind: ClassVar[str] = ""

    def __init__(self, weight: NonNegativeFloat = 1.0, interval: PositiveInt = 1) -> None:
        super().__init__()
        self.weight = weight
        self.interval = interval

    def latents(self, step: Step) -> Tensor:
        """Return the latents to use instead of ``step.latents`` (latent optimization)."""
        return step.latents

    def discriminator(self, step: Step) -> Tensor | None:
        """Return the scalar added to the discriminator's loss, before its weight; ``None`` if it has none."""
        return None

    def generator_outputs(self, output: Tensor, step: Step) -> Tensor:
        """Return the discriminator's outputs for fakes that the generator's loss should see (top-k training)."""
        return output

    def generator(self, step: Step) -> Tensor | None:
        """Return the scalar added to the generator's loss, before its weight; ``None`` if it has none."""
        return None

    def after_discriminator_step(self, discriminator: nn.Module) -> None:
        """Act on the discriminator after its optimizer's step (weight clipping)."""


class Generator(nn.Module):
    """A network from latents to images; built from the data's facts.

    Attributes:
        latent_dim: Length of a latent vector, drawn from a standard normal.
        conditional: Whether ``forward`` uses labels.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)  # arguments that the program hands over
    image_sizes: ClassVar[tuple[int, ...] | None] = None
    latent_dim: int
    conditional: bool = False

    def __init__(self, facts: DataFacts) -> None:
        super().__init__()
        self.facts = facts

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)`` to images ``(B, C, H, W)`` in [-1, 1]."""
        raise NotImplementedError

    def styles(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return what ``synthesize`` starts from, ``(B, D)``: the latents, or what a mapping network makes of them."""
        return latents

    def synthesize(self, styles: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map styles ``(B, D)`` to images; ``forward`` is this after ``styles``."""
        images: Tensor = self(styles, labels)
        return images

    def style_weight(self) -> Tensor | None:
        """Return the weight ``(F, D)`` of all linear layers that styles meet first; ``None`` if there are none."""
        return None

    def truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Generate with less variety, the less the smaller ``truncation``: latents of a normal cut off beyond it.

        So in Brock, Donahue & Simonyan 2019, section 3.1, where values beyond it are drawn anew; here the normal is
        squeezed into the bounds by its quantiles, which gives the same distribution and moves continuously.
        """
        edge = ndtr(latents.new_tensor(-truncation, dtype=float64))
        lower = ndtri(edge + ndtr(-latents.double().abs()) * (1 - 2 * edge))  # quantiles are exact in the lower tail
        images: Tensor = self(lower.copysign(latents.double()).to(latents.dtype), labels)
        return images


class Encoder(nn.Module):
    """A network from images to a Gaussian over latents, its covariance diagonal; built from the data's facts."""

    provided: ClassVar[tuple[str, ...]] = ("facts", "latent_dim")  # arguments that the program hands over

    def __init__(self, facts: DataFacts, latent_dim: int) -> None:
        super().__init__()
        self.facts = facts
        self.latent_dim = latent_dim

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, C, H, W)`` in [-1, 1] to mean and logarithm of the variance, each ``(B, latent_dim)``."""
        raise NotImplementedError


class Discriminator(nn.Module):
    """A network from images to one number each; built from the data's facts.

    Class attributes are read from the source by ``check()``, so they are literals:

    Attributes:
        image_sizes: Sizes in pixels it can take; ``None`` for any.
        output: ``"logits"``, or ``"energy"`` for an autoencoder's reconstruction error.
        conditional: Whether it uses labels.
        class_head: What a penalty calls on features to name or place their class; ``None`` if there is no such thing.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)  # arguments that the program hands over
    image_sizes: ClassVar[tuple[int, ...] | None] = None
    output: ClassVar[str] = "logits"
    conditional: bool = False
    class_head: nn.Module | None

    def __init__(self, facts: DataFacts) -> None:
        super().__init__()
        self.facts = facts
        self.class_head = None

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return what ``forward`` does, and the features ``(B, F)`` it was made from, in one pass."""
        return DiscriminatorOutput(self(images, labels), None)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the last hidden representation of images: ``(B, F)``."""
        raise NotImplementedError

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images ``(B, C, H, W)`` in [-1, 1] to outputs ``(B,)``, larger for real under ``"logits"``."""
        raise NotImplementedError


class Augmentation(nn.Module):
    """A differentiable transform that the discriminator sees through, of reals and fakes alike.

    What lasts, such as a probability that adapts, is a buffer. The hooks besides ``forward`` are for that and for
    augmentations that show the discriminator something else as real; the system calls all of them.

    Class attributes are read from the source by ``check()``, so they are literals:

    Attributes:
        mixes_in_fakes: Whether ``as_real`` needs fakes: the system then generates a batch for it, without gradient.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)  # arguments that the program hands over
    mixes_in_fakes: ClassVar[bool] = False

    def forward(self, images: Tensor, rng: Stream, images_seen: int) -> Tensor:
        """Return augmented images of the same shape; all parameters come from ``rng``, the clock and buffers."""
        return images

    def as_real(self, real: Batch, fake: Batch, rng: Stream, images_seen: int) -> Batch:
        """Return what is shown as a batch of reals if ``mixes_in_fakes``; all images are float in [-1, 1] here."""
        return real

    def observe(self, real_output: Tensor, images_seen: int, batch_size: int) -> None:
        """Learn, at the end of a step, what the discriminator said of reals; must not wait for the device.

        Args:
            real_output: Its output, without gradient, for this process's part of the batch.
            images_seen: The clock before this step.
            batch_size: Of all processes.
        """

    @property
    def probability(self) -> Tensor | None:
        """Share of images that it changes, to be logged; ``None`` if that does not move."""
        return None
