"""The training step of translators against discriminators, with terms beside the adversarial loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from gan_experiments.core.contracts import Augmentation, Discriminator, DiscriminatorOutput, Loss, Penalty
from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.step import TranslationBatch
from gan_experiments.core.translator import Translator
from gan_experiments.systems.adversarial import AdversarialSystem, check_term, penalties_due
from gan_experiments.systems.microbatch import Fakes


class Side(NamedTuple):
    """A translator and the discriminator of its images, with what belongs to that.

    Attributes:
        name: Prefix of its parts among the attributes of the system; empty for the direction from A to B.
        generator: The translator.
        discriminator: Its discriminator.
        loss: The adversarial loss.
        penalties: Terms and constraints, by name.
        augmentations: What the discriminator sees images through, by name.
    """

    name: str
    generator: Translator
    discriminator: Discriminator
    loss: Loss
    penalties: Mapping[str, Penalty]
    augmentations: Mapping[str, Augmentation]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its random streams, after those of the purpose."""
        return (self.name,) if self.name else ()

    @property
    def suffix(self) -> str:
        """Ends the names of its values in the log."""
        return "/backward" if self.name else ""

    def value(self, name: str) -> str:
        """Return the name of one of its values in the log."""
        return f"{name}{self.suffix}"

    def due(self, count: int) -> dict[str, Penalty]:
        """Return the penalties that act in step ``count``, by name."""
        return penalties_due(self.penalties, count)


class Shown(NamedTuple):
    """What the discriminator of a side tells apart in a step: real and generated images, ``(B, C, H, W)``."""

    side: Side
    real: Tensor
    fake: Tensor


class TranslatorTraining(AdversarialSystem):
    """The steps of a system of translators; a subclass says which images a step makes, and what is added to the loss.

    The discriminators' step comes first. Translators see the images of a step once: their own step goes on from there.

    Attributes:
        sides: The directions that it translates in.
        adversarial_weight: Factor of the adversarial loss of the translators.
    """

    sides: list[Side]
    adversarial_weight: float
    _layout: torch.memory_format

    def make(self, inputs: Tensor, images: Tensor) -> tuple[list[Shown], dict[str, Tensor]]:
        """Translate a batch: return what each discriminator sees, and all that ``terms`` needs.

        Args:
            inputs: ``(B, C_in, H, W)`` in [-1, 1].
            images: ``(B, C, H, W)`` in [-1, 1].
        """
        raise NotImplementedError

    def terms(self, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the terms that are added to the loss of the translators, with their weights, by name."""
        raise NotImplementedError

    def shown_fake(self, shown: Shown) -> Tensor:
        """Return the generated images that the discriminator is trained on, without a graph."""
        return shown.fake.detach()

    def step(self, batch: TranslationBatch) -> None:
        """Take a discriminator step and, after every ``d_steps`` of them, a generator step."""
        self._seed_noise()
        inputs, images = (to_float(each).to(memory_format=self._layout) for each in (batch.inputs, batch.images))
        generator_follows = (self.clock.step + 1) % self.d_steps == 0
        with torch.set_grad_enabled(generator_follows):
            shown, made = self.make(inputs, images)
        real_outputs = self._discriminator_step(shown)
        if generator_follows:
            self._generator_step(shown, made)
        for each, output in zip(shown, real_outputs, strict=True):
            for augmentation in each.side.augmentations.values():
                centred = output - each.side.loss.boundary
                augmentation.observe(centred, self.clock.images_seen, self.clock.batch_size)
        self.clock.advance()

    def _discriminator_step(self, shown: list[Shown]) -> list[Tensor]:
        """Train the discriminators; return their outputs for real images."""
        optimizer, outputs = self._optimizer("discriminator"), []
        values: dict[str, Tensor] = {}
        total = torch.zeros((), device=self.device)
        with self._training_only(optimizer):
            for each in shown:
                loss, output = self._discriminator_loss(each, values)
                total = total + loss
                outputs.append(output)
            values["loss/discriminator"] = total
            self._minimize(total, optimizer)
        for each in shown:
            for penalty in each.side.due(self.clock.step).values():
                penalty.after_discriminator_step(each.side.discriminator)
            for name, augmentation in each.side.augmentations.items():
                if (probability := augmentation.probability) is not None:
                    values[each.side.value(f"augment/{name}")] = probability.clone()
        values["gradient_norm/discriminator"] = self._gradient_norms["discriminator"]
        self.statistics.record(self.clock.step, values)
        return outputs

    def _discriminator_loss(self, shown: Shown, values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the loss of a discriminator with its penalties, and its outputs for real images."""
        side = shown.side
        due = side.due(self.clock.step)
        clean, seen = [], []
        for role, images in (("real", shown.real), ("fake", self.shown_fake(shown))):
            clean.append(images.detach().float().requires_grad_(self._differentiates_clean(role)))
            augmented = self._augmented(side, role, clean[-1])
            if not augmented.requires_grad:
                wanted = any(getattr(penalty, f"differentiates_{role}") for penalty in due.values())
                augmented = augmented.detach().requires_grad_(wanted)
            seen.append(augmented)
        of_real, of_fake = (self._discriminate(side, images) for images in seen)
        loss = side.loss.discriminator(of_real.output, of_fake.output)
        check_term(loss, side.loss, "loss", "discriminator", of_fake.output.requires_grad)
        kind = side.loss.discriminator_output
        values[side.value(f"{kind}/real")], values[side.value(f"{kind}/fake")] = of_real.output, of_fake.output
        fakes = Fakes(clean[0].new_empty(len(clean[0]), 0), None, clean[1])
        step = self._step(side, fakes, None, seen[0], seen[1], of_real, of_fake, clean[0], *side.keys)
        loss = self._add_penalties("discriminator", loss, due, step, values, *side.keys, suffix=side.suffix)
        return loss, of_real.output.detach()

    def _generator_step(self, shown: list[Shown], made: Mapping[str, Tensor]) -> None:
        optimizer = self._optimizer("generator")
        values: dict[str, Tensor] = {}
        with self._training_only(optimizer):
            total = torch.zeros((), device=self.device)
            for each in shown:
                total = total + self._generator_loss(each, values)
            for name, term in self.terms(made).items():
                values[f"loss/{name}"] = term
                total = total + term
            values["loss/generator"] = total
            self._minimize(total, optimizer)
        for each in shown:
            for penalty in each.side.due(self.clock.step // self.d_steps).values():
                penalty.after_generator_step(each.side.generator)
        images, seen = self.clock.batch_size * self.d_steps, self.clock.images_seen
        for side, ema in zip(self.sides, self.averages.values(), strict=True):
            ema.half_life, ema.start, ema.rampup = self.ema.half_life, self.ema.start, self.ema.rampup
            ema.update(side.generator, images, seen)
        values["gradient_norm/generator"] = self._gradient_norms["generator"]
        self.statistics.record(self.clock.step, values)

    def _generator_loss(self, shown: Shown, values: dict[str, Tensor]) -> Tensor:
        """Return the weighted adversarial loss of a translator with its penalties."""
        side, clean = shown.side, shown.real.detach()
        due = side.due(self.clock.step // self.d_steps)
        fake = self._augmented(side, "fake", shown.fake)
        real = self._augmented(side, "real", clean) if side.loss.generator_needs_real or due else clean
        of_real = self._discriminate(side, real) if side.loss.generator_needs_real else None
        of_fake = self._discriminate(side, fake)
        fakes = Fakes(real.new_empty(len(real), 0), None, shown.fake)
        step = self._step(side, fakes, None, real, fake, of_real, of_fake, clean, *side.keys)
        output = of_fake.output
        for penalty in due.values():
            output = penalty.generator_outputs(output, step)
        adversarial = side.loss.generator(output, of_real and of_real.output)
        check_term(adversarial, side.loss, "loss", "generator", output.requires_grad)
        loss = self.adversarial_weight * adversarial
        values[side.value("loss/adversarial")] = loss
        return self._add_penalties("generator", loss, due, step, values, *side.keys, suffix=side.suffix)

    def _discriminate(self, side: Side, images: Tensor) -> DiscriminatorOutput:
        """Return the discriminator's outputs in float32, whatever its precision."""
        output, features = side.discriminator.forward_with_features(images)
        return DiscriminatorOutput(output.float(), features)

    def _augmented(self, side: Side, role: str, images: Tensor) -> Tensor:
        """Augment images, with the same parameters in the discriminator's and the generator's step."""
        for name, augmentation in side.augmentations.items():
            images = augmentation(images, self._stream("augment", role, name, *side.keys), self.clock.images_seen)
        return images

    def _joint_stream(self, *keys: str) -> Stream:
        """Return the random stream of this step for a purpose in which all processes draw the same."""
        return Stream(self.seed, *keys, self.clock.step)
