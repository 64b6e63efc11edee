"""What an adversarial system does with its two optimizers, and which numbers of it can change during a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Augmentation, Discriminator, DiscriminatorOutput, Generator, Penalty, Step
from gan_experiments.core.precision import without_autocast
from gan_experiments.core.types import ConfigError
from gan_experiments.systems.base import System
from gan_experiments.systems.microbatch import Fakes
from gan_experiments.systems.setup import TrainingSetup


def penalties_due(penalties: Mapping[str, Penalty], count: int) -> dict[str, Penalty]:
    """Return the penalties that act in step ``count`` of a network, by name."""
    return {name: penalty for name, penalty in penalties.items() if count % penalty.interval == 0}


def check_term(value: Any, component: nn.Module, key: str, method: str, trains: bool) -> None:
    """Refuse what a method of a loss or penalty at ``key`` returned, if it is no scalar, or one that trains nothing.

    ``trains`` says whether a gradient must reach it: it was computed from what has one.

    Raises:
        ConfigError: Names the component: what torch says of a sum or a backward pass later does not.
    """
    name = f"{key}: {type(component).__name__}.{method} returned"
    if not isinstance(value, Tensor) or value.dim():
        made = f"a tensor of {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError(f"{name} {made}, not a scalar tensor; take its mean, or a sum")
    if trains and not value.requires_grad and float(value):  # zero: a term that does not act yet
        cause = "detach(), no_grad() and torch.autograd.grad without create_graph=True cut it off"
        raise ConfigError(f"{name} {float(value):.4g} without a gradient, so nothing would learn from it; {cause}")


class AdversarialSystem(System):
    """A system with a generator and a discriminator, each with an optimizer; a subclass has the training step.

    Attributes:
        penalties: Terms and constraints beside the loss, by name.
        augmentations: What the discriminator sees images through, by name.
        generator_steps: Steps of the generator after each ``d_steps`` of the discriminator.
    """

    optimized: ClassVar[tuple[str, ...]] = ("discriminator", "generator")
    generator_steps: int = 1
    penalties: Mapping[str, Penalty]
    augmentations: Mapping[str, Augmentation]
    discriminator: Discriminator

    def __init__(self, generator: Generator, setup: TrainingSetup) -> None:
        super().__init__(generator, setup)
        self.d_steps = setup.d_steps
        if setup.loss is not None:
            self.statistics.boundary = setup.loss.boundary

    def set_number(self, key: str, value: float) -> None:
        """Set a penalty's weight, an augmentation's p, or what a ramp can change in every system."""
        match key.split("."):
            case ["penalty", name, "weight"]:
                self.penalties[name].weight = value
            case ["augment", name, "p"]:
                self.augmentations[name].p.fill_(value)  # type: ignore[operator]
            case _:
                super().set_number(key, value)

    @classmethod
    def ramp_limits(cls, config: ConfigView) -> dict[str, float]:
        """Return the keys that ``set_number`` can change in this config, each with its largest value."""
        limits = {f"penalty.{name}.weight": math.inf for name in config.get("penalty") or ()}
        for name, options in (config.get("augment") or {}).items():
            if isinstance(options, Mapping) and options.get("target", 0) is None:  # otherwise p adapts to the target
                limits[f"augment.{name}.p"] = 1.0
        limits = {key: limit for key, limit in limits.items() if isinstance(config.get(key), (int, float))}
        return limits | super().ramp_limits(config)

    def updates(self) -> dict[str, int]:
        """Return how many steps each network has taken."""
        return {"discriminator": self.clock.step, "generator": self.clock.step // self.d_steps * self.generator_steps}

    def _due(self, count: int) -> dict[str, Penalty]:
        return penalties_due(self.penalties, count)

    def _add_penalties(
        self,
        network: str,
        loss: Tensor,
        penalties: Mapping[str, Penalty],
        step: Step,
        values: dict[str, Tensor],
        *keys: str,
        suffix: str = "",
    ) -> Tensor:
        """Add the terms of ``penalties`` for ``network``, computed in float32, to its loss and the logged ``values``.

        ``keys`` tell apart the random streams of steps with the same clock; ``suffix`` ends the names of the values.
        """
        with without_autocast(self.device):
            for name, penalty in penalties.items():
                step.rng = self._stream("penalty", network, name, *keys)
                value = penalty.discriminator(step) if network == "discriminator" else penalty.generator(step)
                if value is not None:
                    trains = bool(penalty.weight) and loss.requires_grad
                    check_term(value, penalty, f"penalty.{name}", network, trains)
                    values[f"penalty/{network}/{name}{suffix}"] = value
                    loss = loss + penalty.weight * penalty.interval * value
        return loss

    def _step(
        self,
        networks: Any,
        fakes: Fakes,
        labels: Tensor | None,
        real: Tensor,
        fake: Tensor,
        of_real: DiscriminatorOutput | None,
        of_fake: DiscriminatorOutput,
        clean_real: Tensor,
        *keys: str,
    ) -> Step:
        """Return what the penalties of one discriminator can see of this step.

        ``networks`` has it and its generator as attributes; ``keys`` tell it from others in random streams.
        """
        return Step(
            generator=networks.generator,
            discriminator=networks.discriminator,
            latents=fakes.latents,
            labels=labels,
            fake_labels=fakes.labels,
            real=real,
            fake=fake,
            real_output=of_real and of_real.output,
            fake_output=of_fake.output,
            full_precision=not torch.is_autocast_enabled(self.device.type),
            rng=self._stream("step", *keys),
            images_seen=self.clock.images_seen,
            real_features=of_real and of_real.features,
            fake_features=of_fake.features,
            clean_real=clean_real,
            clean_fake=fakes.images,
        )

    def _differentiates_clean(self, side: str) -> bool:
        """Return whether a penalty of this step needs the gradient by the images of ``side`` before augmentation."""
        due = self._due(self.clock.step).values()
        return any(getattr(penalty, f"differentiates_{side}") for penalty in due if penalty.before_augmentation)


def check_updates(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse fakes of the generator step and an order of updates that the rest of the config does not go with.

    Warn of latent optimization that shared fakes hide from the generator.
    """
    if config.get(f"{key}.generator_batch") not in (None, 1):
        yield from _check_generator_batch(key, config)
    if config.get(f"{key}.generator_steps") not in (None, 1):
        yield from _check_generator_steps(key, config)
    if config.get(f"{key}.update_order") == "simultaneous":
        yield from _check_simultaneous(f"{key}.update_order", config)
    for name, penalty in config.components("penalty").items():
        moves = getattr(penalty, "latents", Penalty.latents) is not Penalty.latents
        if moves and config.get(f"{key}.share_fakes"):
            text = "with model.share_fakes the generator does not learn through the move of the latents"
            yield Problem(f"penalty.{name}", text, warning=True)


def _check_generator_batch(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse what needs as many fakes as real images in the generator step."""
    where, loss = f"{key}.generator_batch", config.component("loss")
    if loss is not None and (getattr(loss, "pairs", False) or getattr(loss, "generator_needs_real", False)):
        yield Problem(where, f"{loss.__name__} compares the generator's fakes with as many real images; take 1")
    for option in ("share_fakes", "unroll_steps"):
        if config.get(f"{key}.{option}"):
            yield Problem(where, f"{key}.{option} uses the discriminator step's number of fakes; take 1")


def _check_generator_steps(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse several generator steps where the fakes are made once, or where both networks step at once."""
    where = f"{key}.generator_steps"
    if config.get(f"{key}.share_fakes"):
        yield Problem(where, f"{key}.share_fakes makes the fakes before the first of them; take 1")
    if config.get(f"{key}.update_order") == "simultaneous":
        yield Problem(where, f"{key}.update_order=simultaneous takes one step of each network; take 1")


def _check_simultaneous(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse several discriminator steps to one of the generator, and loss scaling."""
    if config.get("d_steps") not in (None, 1):
        yield Problem("d_steps", f"{key}=simultaneous takes one step of each network; set d_steps=1")
    if config.get("trainer.precision") == "16-mixed":
        reason = "the scale would change between the two gradients; bf16-mixed and 32-true work"
        yield Problem("trainer.precision", f"16-mixed cannot be combined with {key}=simultaneous: {reason}")
