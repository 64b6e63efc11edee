"""What a training step hands to its components: batches, discriminator outputs, and the state of the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from gan_experiments.core.randomness import Stream


class Batch(NamedTuple):
    """One batch of real data of this process.

    Attributes:
        images: uint8, ``(B, C, H, W)``; points are float32 in [-1, 1].
        labels: int64, ``(B,)``; ``None`` for unlabelled data.
    """

    images: Tensor
    labels: Tensor | None

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``; a copy from pinned memory to a GPU does not wait."""
        ahead = device.type == "cuda"
        labels = None if self.labels is None else self.labels.to(device, non_blocking=ahead)
        return Batch(self.images.to(device, non_blocking=ahead), labels)


class TranslationBatch(NamedTuple):
    """One batch of this process for a translator.

    Attributes:
        images: What it learns to make, uint8, ``(B, C, H, W)``.
        inputs: What it starts from, uint8, ``(B, C_in, H, W)``; in a system of pairs they belong to the images.
    """

    images: Tensor
    inputs: Tensor

    def to(self, device: torch.device) -> TranslationBatch:
        """Return the batch on ``device``; a copy from pinned memory to a GPU does not wait."""
        ahead = device.type == "cuda"
        return TranslationBatch(*(each.to(device, non_blocking=ahead) for each in self))


class Generated(NamedTuple):
    """Generated images of an evaluation, and how to walk from their latents to others; all on one device.

    Attributes:
        images: uint8, ``(B, C, H, W)``; points are float32 in [-1, 1].
        labels: int64, ``(B,)``; ``None`` without labels.
        step: ``step(space, sampling, epsilon)`` returns two images ``(B, C, H, W)`` in [-1, 1] for each: at a position
            on the path from its latent to another, and ``epsilon`` of the path further. In the space of latents,
            ``z``, the path is spherical, in that of styles, ``w``, straight; the position is random (``full``) or the
            beginning (``end``). ``None`` for truncated latents, between which the path is not known.
        moved: ``moved(transforms, count)`` draws five numbers in [-1, 1) for each of the first images, ``(count, 5)``,
            and returns them with those images ``(count, C, H, W)`` in [-1, 1], as they are and with each transform of
            the generator's input that ``transforms`` makes of the numbers. ``None`` if it takes none, or latents are
            truncated.
    """

    images: Tensor
    labels: Tensor | None
    step: Callable[[str, str, float], tuple[Tensor, Tensor]] | None
    moved: Callable[[Callable[[Tensor], list[Tensor]], int], tuple[Tensor, list[Tensor]]] | None = None


class Translated(NamedTuple):
    """Translated images of an evaluation, with what they are compared with; all on one device.

    Attributes:
        images: uint8, ``(B, C, H, W)``.
        labels: ``None``: they were not made for a class.
        inputs: What they were made from, uint8, ``(B, C_in, H, W)``.
        answers: The right translations, uint8, ``(B, C, H, W)``; ``None`` where they are not known.
        input_labels: Labels of the inputs, int64, ``(B,)``; ``None`` without labels.
        classical: What the classical method of the task makes of the inputs, like ``images``; ``None`` without one.
        back: Translates the images back, to uint8, ``(B, C_in, H, W)``; ``None`` for a system of one direction.
    """

    images: Tensor
    labels: Tensor | None
    inputs: Tensor
    answers: Tensor | None
    input_labels: Tensor | None
    classical: Tensor | None
    back: Callable[[], Tensor] | None


class DiscriminatorOutput(NamedTuple):
    """The discriminator's output ``(B,)`` and the features ``(B, F)`` that it was computed from, if it has any."""

    output: Tensor
    features: Tensor | None


@dataclass
class Step:
    """The part of a training step that a penalty can see. All images are ``(B, C, H, W)`` in [-1, 1], float32.

    Attributes:
        generator: The generator network.
        discriminator: The discriminator network.
        latents: ``(B, latent_dim)`` that the fakes were generated from.
        labels: ``(B,)`` of the reals, or ``None``.
        fake_labels: ``(B,)`` of the fakes, or ``None``.
        real: Real images as the discriminator saw them. In the discriminator's step they require a gradient if
            any active penalty sets ``differentiates_real``; in the generator's step they are a batch of reals.
        fake: Fakes as the discriminator saw them. Detached in the discriminator's step, where they require a gradient
            if any active penalty sets ``differentiates_fake``; attached to the generator in the generator's step.
        real_output: The discriminator's output for ``real``, graph attached; ``None`` in a generator's step whose
            loss does not need it.
        fake_output: The discriminator's output for ``fake``, graph attached.
        full_precision: Whether the outputs were computed in float32. If not, a penalty must not differentiate them, but
            run the discriminator again.
        rng: The penalty's own random stream for this step.
        images_seen: The clock before this step.
        real_features: The features that ``real_output`` was computed from, graph attached; ``None`` without them.
        fake_features: The features that ``fake_output`` was computed from, graph attached; ``None`` without them.
        clean_real: The real images before augmentation. In the discriminator's step they require a gradient, and
            ``real`` is a function of them, if any active penalty sets ``before_augmentation``.
        clean_fake: The same for fakes.
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
    clean_real: Tensor | None = None
    clean_fake: Tensor | None = None
