"""CycleGAN: translation in both directions, learned without pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from annotated_types import Interval
from torch import Tensor
from torch.nn.functional import l1_loss

from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, DataFacts, NonNegativeFloat
from gan_experiments.systems.image_pool import ImagePool
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.systems.translation import TranslationSystem
from gan_experiments.systems.translator_training import Shown


class CycleGAN(TranslationSystem):
    """Two translators that undo each other, each with a discriminator (Zhu et al. 2017, equations 1 to 3).

    The authors take the generators' step before the discriminators'; here it comes after, as in every system.

    Args:
        generator: Translates A to B.
        discriminator: Tells images of B from translated ones.
        backward_generator: Translates B to A; the same architecture.
        backward_discriminator: Tells images of A from translated ones; the same architecture.
        setup: What it is trained with.
        adversarial_weight: Factor of the adversarial losses: 2 for ``loss=least_squares``, which is halved.
        cycle: Factor of the mean absolute difference between an image and its translation there and back.
        identity: Factor, relative to ``cycle``, of the difference between an image and the translation to its own
            domain (section 5.2, photo generation); 0: none.
        pool: Translated images that each discriminator is also shown again.
        channels_last: Memory format of weights and images: faster convolutions, different rounding.

    Raises:
        ConfigError: An identity term between domains with different numbers of channels.
    """

    two_way: ClassVar[bool] = True
    provided: ClassVar[tuple[str, ...]] = (*TranslationSystem.provided, "backward_generator", "backward_discriminator")

    def __init__(
        self,
        generator: Translator,
        discriminator: Discriminator,
        backward_generator: Translator,
        backward_discriminator: Discriminator,
        setup: TrainingSetup,
        adversarial_weight: NonNegativeFloat = 2.0,
        cycle: NonNegativeFloat = 10.0,
        identity: NonNegativeFloat = 0.5,
        pool: Annotated[int, Interval(ge=0, le=10_000)] = 50,
        channels_last: bool = False,
    ) -> None:
        super().__init__(generator, discriminator, setup, adversarial_weight, channels_last)
        facts = generator.facts
        if identity and facts.channels != generator.input_channels:
            channels = f"those of A have {generator.input_channels} channels, those of B {facts.channels}"
            raise ConfigError(f"model.identity: an image is compared with its translation, but {channels}; set it to 0")
        self.sides.append(self._add_side("backward_", backward_generator, backward_discriminator))
        self.cycle, self.identity = cycle, identity
        self.pool = ImagePool(pool, facts.shape)
        self.backward_pool = ImagePool(pool, facts.reversed().shape)

    @classmethod
    def network_facts(cls, facts: DataFacts) -> dict[str, tuple[str, DataFacts]]:
        """Return the facts of the networks; those of the way back are reversed."""
        back = facts.reversed()
        return {
            **super().network_facts(facts),
            "backward_generator": ("generator", back),
            "backward_discriminator": ("discriminator", back),
        }

    def make(self, inputs: Tensor, images: Tensor) -> tuple[list[Shown], dict[str, Tensor]]:
        """Translate both batches there and back, and to their own domain."""
        forward, backward = self.sides
        to_b, to_a = forward.generator, backward.generator
        fake_b, fake_a = to_b(inputs).float(), to_a(images).float()
        made = {"a": inputs, "b": images, "cycled_a": to_a(fake_b).float(), "cycled_b": to_b(fake_a).float()}
        if self.identity:
            made |= {"same_a": to_a(inputs).float(), "same_b": to_b(images).float()}
        return [Shown(forward, images, fake_b), Shown(backward, inputs, fake_a)], made

    def terms(self, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the cycle and the identity term."""
        terms = {"cycle": self.cycle * (l1_loss(made["cycled_a"], made["a"]) + l1_loss(made["cycled_b"], made["b"]))}
        if self.identity:
            same = l1_loss(made["same_a"], made["a"]) + l1_loss(made["same_b"], made["b"])
            terms["identity"] = self.cycle * self.identity * same
        return terms

    def shown_fake(self, shown: Shown) -> Tensor:
        """Return translated images of this step and of earlier ones, from the pool."""
        pool: ImagePool = getattr(self, f"{shown.side.name}pool")
        rng = self._joint_stream("pool", *shown.side.keys)
        images: Tensor = pool(shown.fake.detach(), self.clock.step, rng, self.global_rank, self.trainer.world_size)
        return images
