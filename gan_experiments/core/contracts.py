"""The contracts of losses, penalties and augmentations, base classes with the rules that follow from them.

Those of networks are in :mod:`gan_experiments.core.network`, and may be imported from here as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.network import Discriminator, Encoder, Generator
from gan_experiments.core.randomness import Stream
from gan_experiments.core.rules import DISCRIMINATOR, GENERATOR, check_within_run, given_options, option
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
        boundary: The output that says real as much as fake: the best one where the two are equally likely.
    """

    generator_needs_real: ClassVar[bool] = False
    pairs: ClassVar[bool] = False
    discriminator_output: ClassVar[str] = "logits"
    couples_batch: ClassVar[bool] = False
    gathers_batch: ClassVar[bool] = False
    shift_invariant: ClassVar[bool] = False
    boundary: float = 0.0

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
        yield from _check_several_processes(key, config)


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

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Make the buffers that follow from the networks, such as a mean of their weights; called once."""

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
        """Change the discriminator after its optimizer step (weight clipping), or what follows its weights."""

    def after_generator_step(self, generator: nn.Module) -> None:
        """The same after the generator's optimizer step."""

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
        yield from _check_translator(key, "latents" * moves, config)
        yield from _check_class_head(key, cls.trains, config)
        yield from _check_kind(key, cls.kind, config)
        effect = "it acts in the first step only, with its weight multiplied by the interval"
        yield from check_within_run(key, "interval", effect, config, steps=True)
        yield from _check_several_processes(key, config)


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
            real_output: The output for this process's part of the batch less the loss's ``boundary``, so that its sign
                says what the image is taken for, without gradient.
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
        yield from _check_translator(key, "images generated from noise" * cls.mixes_in_fakes, config)


def _check_class_head(key: str, trains: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse a discriminator without the class head, named by its ``conditioning``, that the penalty at ``key`` trains.

    A discriminator without an option ``conditioning`` names its head in a class attribute.
    """
    penalty, discriminator = config.component(key), config.component(DISCRIMINATOR)
    if not trains or penalty is None or discriminator is None:
        return
    value = option(config, DISCRIMINATOR, "conditioning")
    has_option = value is not None or "conditioning" in given_options(config, DISCRIMINATOR)
    if not has_option:
        value = getattr(discriminator, "conditioning", "none")
    if value not in (None, trains):
        text = f"{penalty.__name__} trains the class head of a discriminator with conditioning={trains}"
        hint = f"; set {DISCRIMINATOR}.conditioning={trains} and {GENERATOR}.conditional=true" if has_option else ""
        yield Problem(key, f"{text}; that of {discriminator.__name__} is {value}{hint}")


def _check_kind(key: str, kind: str, config: ConfigView) -> Iterator[Problem]:
    """Warn of several penalties of one kind; the first of them says it."""
    same = [name for name, other in config.components("penalty").items() if getattr(other, "kind", "") == kind]
    if kind and len(same) > 1 and key == f"penalty.{same[0]}":
        text = f"{' and '.join(same)} are of the same kind ({kind}); usually only one of them is wanted"
        yield Problem("penalty", text, warning=True)


def _check_several_processes(key: str, config: ConfigView) -> Iterator[Problem]:
    """Warn that a component that compares the images of a batch sees only each process's part of it."""
    devices, nodes, component = config.get("trainer.devices"), config.get("trainer.num_nodes"), config.component(key)
    if (
        devices is not None
        and (devices != 1 or nodes != 1)
        and component
        and getattr(component, "couples_batch", False)
        and not getattr(component, "gathers_batch", False)
    ):
        text = f"{component.__name__} compares the images of a batch; each process compares only those of its own part"
        yield Problem(key, text, warning=True)


def _check_translator(key: str, need: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse a component that has a ``need`` which systems of translators do not meet; empty: it has none."""
    system, component = config.component("model"), config.component(key)
    if need and component is not None and getattr(system, "translates", False):
        yield Problem(key, f"{component.__name__} needs {need}, which {system.__name__} has not; leave it out")  # type: ignore[union-attr]
