"""GAN training: generator and discriminator with one optimizer each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Augmentation, Batch, Discriminator, DiscriminatorOutput, Generator, Penalty
from gan_experiments.core.images import to_float
from gan_experiments.core.precision import in_float32
from gan_experiments.core.types import PositiveInt, Repeats
from gan_experiments.networks.block import recompute_blocks
from gan_experiments.systems.adversarial import AdversarialSystem, check_term, check_updates
from gan_experiments.systems.microbatch import Fakes, Part, check_microbatch, divided
from gan_experiments.systems.optimization import weights_of
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.systems.unrolled import check_unrolling, refuse_batch_norm, unrolled

Discriminate = Callable[[Tensor, Tensor | None], DiscriminatorOutput]


class GAN(AdversarialSystem):
    """Generative adversarial training (Goodfellow et al. 2014, algorithm 1) with any loss, penalties and networks.

    All random numbers of a step are a function of the seed and the clock, so a run can be resumed after any step.

    Args:
        generator: Maps latents to images.
        discriminator: Maps each image to one number.
        setup: What it is trained with.
        channels_last: Memory format of weights and images: faster convolutions, different rounding.
        share_fakes: Use the discriminator step's fakes in the generator step too, which saves a forward pass of the
            generator; algorithm 1 draws new ones.
        unroll_steps: Discriminator steps unrolled in the generator step (Metz et al. 2017), with their penalties and
            gradient clipping, on each process's slice of this step's images.
        generator_batch: Fakes of the generator step as a multiple of ``batch_size`` (Miyato et al. 2018: 2).
        generator_steps: Steps of the generator after the discriminator's, all on the same latents.
        update_order: ``alternating``: the generator learns from the discriminator after its step; ``simultaneous``:
            from the one before it (Mescheder, Nowozin & Geiger 2017).
        microbatch: Images per process that a step computes at a time, which takes less memory and gives the same
            gradients up to rounding; noise within networks, such as dropout, is drawn anew. ``None``: all at once.
        activation_checkpointing: Compute the activations of the networks' blocks again in the backward pass instead of
            keeping them (Chen et al. 2016): less memory, more time, the same results.

    Raises:
        ConfigError: Networks have no blocks, or cannot be unrolled with the penalties.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        setup: TrainingSetup,
        channels_last: bool = False,
        share_fakes: bool = False,
        unroll_steps: Annotated[int, Interval(ge=0, le=100)] = 0,
        generator_batch: Repeats = 1,
        generator_steps: Repeats = 1,
        update_order: Literal["alternating", "simultaneous"] = "alternating",
        microbatch: PositiveInt | None = None,
        activation_checkpointing: bool = False,
    ) -> None:
        if activation_checkpointing:
            recompute_blocks({"generator": generator, "discriminator": discriminator})
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        generator = generator.to(memory_format=self._layout)
        super().__init__(generator, setup)
        self.discriminator = discriminator.to(memory_format=self._layout)
        assert setup.loss is not None  # or ``check`` would have refused it
        self.loss = setup.loss
        self.penalties: Mapping[str, Penalty] = nn.ModuleDict(dict(setup.penalties))  # type: ignore[assignment]
        if unroll_steps:
            refuse_batch_norm(self.discriminator, setup.penalties)
        for penalty in setup.penalties.values():
            penalty.prepare(self.generator, self.discriminator)
        augmentations: Any = nn.ModuleDict(dict(setup.augmentations))
        self.augmentations: Mapping[str, Augmentation] = augmentations
        self.share_fakes = share_fakes
        self.unroll_steps = unroll_steps
        self.generator_batch = generator_batch
        self.generator_steps = generator_steps
        self.microbatch = microbatch
        self._simultaneous = update_order == "simultaneous"
        self._real_outputs: list[Tensor] = []
        self._clean_real: Tensor = torch.empty(0)

    def step(self, batch: Batch) -> None:
        """Take a discriminator step and, after every ``d_steps`` of them, a generator step."""
        self._seed_noise()
        shown = self._shown_as_real(to_float(batch.images).to(memory_format=self._layout), batch.labels)
        generator_follows = (self.clock.step + 1) % self.d_steps == 0
        share = self.share_fakes and generator_follows
        parts = [self._prepared(*part, share) for part in self._in_parts(divided(shown, self.microbatch))]
        self._real_outputs.clear()
        if self._simultaneous:
            self._generator_steps(parts, share)
        else:
            self._discriminator_steps(parts)
            if generator_follows:
                self._generator_steps(parts, share)
        for augmentation in self.augmentations.values():  # last: both networks see the same probability
            outputs = torch.cat(self._real_outputs) - self.loss.boundary
            augmentation.observe(outputs, self.clock.images_seen, self.clock.batch_size)
        self.clock.advance()

    def _prepared(self, images: Tensor, labels: Tensor | None, share: bool) -> Part:
        clean = images.requires_grad_(self._differentiates_clean("real"))
        real = self._augmented("real", clean)
        with torch.set_grad_enabled(share):
            fakes = self._draw_fakes("discriminator", real, labels)
        return Part(real, labels, fakes, clean)

    def _discriminator_steps(self, parts: list[Part]) -> None:
        for part in self._in_parts(parts):
            self._clean_real = part.clean
            self._discriminator_step(part.real, part.labels, part.fakes)
        for penalty in self._due(self.clock.step).values():
            penalty.after_discriminator_step(self.discriminator)
        probabilities = {name: each.probability for name, each in self.augmentations.items()}
        values = {f"augment/{name}": value.clone() for name, value in probabilities.items() if value is not None}
        values["gradient_norm/discriminator"] = self._gradient_norms["discriminator"]
        self.statistics.record(self.clock.step, values)

    def _generator_steps(self, parts: list[Part], share: bool) -> None:
        for _ in range(self.generator_steps):
            for part in self._in_parts(parts):
                self._clean_real = part.clean
                self._generator_step(part.real.detach(), part.labels, part.fakes if share else None)
            if self._simultaneous:  # after the last part: the buffers of the discriminator are the mean of all by now
                self._discriminator_steps(parts)
                self._take_step(self._optimizer("generator"))
            for penalty in self._due(self.clock.step // self.d_steps).values():
                penalty.after_generator_step(self.generator)
        self.ema.update(self.generator, self.clock.batch_size * self.d_steps, self.clock.images_seen)
        self.statistics.record(self.clock.step, {"gradient_norm/generator": self._gradient_norms["generator"]})

    def _discriminator_step(self, real: Tensor, labels: Tensor | None, fakes: Fakes) -> None:
        optimizer, penalties = self._optimizer("discriminator"), self._due(self.clock.step)
        with self._training_only(optimizer):
            clean = fakes.images.detach()
            if self._differentiates_clean("fake"):
                clean = in_float32(clean).requires_grad_()
            fake, fakes = self._augmented("fake", clean), Fakes(fakes.latents, fakes.labels, clean)
            if not fake.requires_grad and any(penalty.differentiates_fake for penalty in penalties.values()):
                fake = fake.detach().requires_grad_()
            loss, real_output, values = self._discriminator_loss(real, labels, fake, fakes, penalties)
            self._minimize(loss, optimizer)
        self._real_outputs.append(real_output.detach())
        self.statistics.record(self.clock.step, values)

    def _discriminator_loss(
        self,
        real: Tensor,
        labels: Tensor | None,
        fake: Tensor,
        fakes: Fakes,
        penalties: Mapping[str, Penalty],
        *keys: str,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the discriminator's loss with penalties, its outputs for real images, and the values to record.

        ``fake`` are the images of ``fakes`` as the discriminator sees them, ``keys`` those of the random numbers.
        """
        if not real.requires_grad and any(penalty.differentiates_real for penalty in penalties.values()):
            real = real.detach().requires_grad_()  # the generator's step takes the same reals, without a gradient
        of_real, of_fake = self._discriminate(real, labels), self._discriminate(fake, fakes.labels)
        loss = self.loss.discriminator(of_real.output, of_fake.output)
        check_term(loss, self.loss, "loss", "discriminator", of_fake.output.requires_grad)
        kind = self.loss.discriminator_output
        values = {"loss/discriminator": loss, f"{kind}/real": of_real.output, f"{kind}/fake": of_fake.output}
        if penalties:
            step = self._step(self, fakes, labels, real, fake, of_real, of_fake, self._clean_real)
            loss = self._add_penalties("discriminator", loss, penalties, step, values, *keys)
        return loss, of_real.output, values

    def _generator_step(self, real: Tensor, labels: Tensor | None, shared: Fakes | None) -> None:
        optimizer, penalties = self._optimizer("generator"), self._due(self.clock.step // self.d_steps)
        with self._training_only(optimizer):
            fakes = shared or self._draw_fakes("generator", real, labels)
            fake = self._augmented("fake", fakes.images)
            discriminate = self._unrolled(real, labels, fake, fakes) if self.unroll_steps else self._discriminate
            of_real = discriminate(real, labels) if self.loss.generator_needs_real else None
            of_fake = discriminate(fake, fakes.labels)
            fake_output = of_fake.output
            if penalties:
                step = self._step(self, fakes, labels, real, fake, of_real, of_fake, self._clean_real)
                for penalty in penalties.values():
                    fake_output = penalty.generator_outputs(fake_output, step)
            loss = self.loss.generator(fake_output, of_real and of_real.output)
            check_term(loss, self.loss, "loss", "generator", fake_output.requires_grad)
            values = {"loss/generator": loss}
            if penalties:
                loss = self._add_penalties("generator", loss, penalties, step, values)
            self.statistics.record(self.clock.step, values)
            finish = self._add_gradient if self._simultaneous else self._minimize
            # The weights that unrolling begins with are leaves of the graph too, and their gradients are costly.
            finish(loss, optimizer, **({"inputs": weights_of(optimizer)} if self.unroll_steps else {}))

    def _draw_fakes(self, network: str, real: Tensor, paired: Tensor | None = None) -> Fakes:
        """Generate the fakes of the step of ``network``; ``paired``: the labels of the real images."""
        batch = real.shape[0] * (self.generator_batch if network == "generator" else 1)
        labels = paired if self.num_classes and self.loss.pairs else None
        if self.num_classes and labels is None:
            labels = self._stream("labels", network).integers(self.num_classes, batch)
        latents = self._stream("latents", network).normal(batch, self.generator.latent_dim)
        for name, penalty in self.penalties.items():
            if type(penalty).latents is Penalty.latents:
                continue
            empty = real.new_empty(0)
            fakes, of_fake = Fakes(latents, labels, empty), DiscriminatorOutput(empty, None)
            step = self._step(self, fakes, None, real, empty, None, of_fake, self._clean_real)
            step.rng = self._stream("latents", network, name)
            with nullcontext() if network == "generator" else self._training_only(self._optimizer("discriminator")):
                latents = penalty.latents(step)  # for the discriminator: it alone learns from the length of the move
        return Fakes(latents, labels, self.generator(latents, labels))

    def _discriminate(self, images: Tensor, labels: Tensor | None) -> DiscriminatorOutput:
        """Return the discriminator's outputs in at least float32, whatever its precision."""
        output, features = self.discriminator.forward_with_features(images, labels)
        return DiscriminatorOutput(in_float32(output), features)

    def _unrolled(self, real: Tensor, labels: Tensor | None, fake: Tensor, fakes: Fakes) -> Discriminate:
        """Return the discriminator as it is after its next ``unroll_steps`` steps, each on these images."""

        def objective(ahead: int) -> Tensor:
            penalties = self._due(self.clock.step + ahead - self._simultaneous)  # that takes this step afterwards
            images = fake.view_as(fake)  # a new node: the weights by now depend on those of the steps before
            return self._discriminator_loss(real, labels, images, fakes, penalties, "unrolled", str(ahead))[0]

        optimizer = self._optimizer("discriminator")
        keep: list[Any] = [self.generator, self.loss, self.penalties]  # their buffers change in a step
        call = unrolled(self.discriminator, optimizer, objective, self.unroll_steps, keep, self._clip["discriminator"])
        return partial(call, self._discriminate)

    def _shown_as_real(self, images: Tensor, labels: Tensor | None) -> Batch:
        """Return the real batch, in which augmentations may have replaced some images."""
        real = Batch(images, labels)
        for name, augmentation in self.augmentations.items():
            if augmentation.mixes_in_fakes:
                with torch.no_grad():
                    fakes = self._draw_fakes(f"augment.{name}", images)
                rng = self._stream("augment", "as_real", name)
                real = augmentation.as_real(real, Batch(fakes.images, fakes.labels), rng, self.clock.images_seen)
        return real

    def _augmented(self, role: str, images: Tensor) -> Tensor:
        """Augment images, with the same parameters in the discriminator and the generator step."""
        for name, augmentation in self.augmentations.items():
            images = augmentation(images, self._stream("augment", role, name), self.clock.images_seen)
        return images

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse what cannot be unrolled or simultaneous; warn of latent optimization hidden by shared fakes."""
        yield from super().check(key, options, config)
        yield from check_updates(key, config)
        if config.get(f"{key}.unroll_steps"):
            yield from check_unrolling(config)
        if config.get(f"{key}.microbatch") is not None:
            yield from check_microbatch(key, config)
