"""What the training step of every system is made of: its random streams, gradients of its parts, optimizer steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_experiments.core.randomness import Stream, derive_seed, seed_noise
from gan_experiments.systems.microbatch import Item, with_same_buffers
from gan_experiments.systems.optimization import (
    clear_gradient,
    clip_gradient,
    keep_rates,
    scale_rates,
    take_step,
    trained,
    weights_of,
)
from gan_experiments.systems.setup import TrainingSetup

NETWORKS = ("generator", "discriminator", "encoder")  # of a system, in the order in which they are built


class ManualSteps(pl.LightningModule):
    """A LightningModule under manual optimization, whose steps draw from streams of their own and may have parts.

    Attributes:
        optimized: The networks with an optimizer of their own, in the order of the optimizers.
        direct: Whether steps of optimizers bypass Lightning, whose hooks and wrappers take longer than a small network;
            the run loop sets it where nothing depends on them: loss scaling, several processes, a user's callback.
    """

    optimized: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, setup: TrainingSetup) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.clock = setup.clock
        self.seed = setup.seed
        self._factories, self._schedule, self._clip = setup.optimizers, setup.schedule, setup.clip
        self._gradient_norms: dict[str, Tensor] = {}
        self.direct = False
        self._part = (0, 1)  # which part of a step is computed, and how many there are

    def _stream(self, *keys: str) -> Stream:
        """Return the random stream of this step for the purpose that ``keys`` name."""
        (index, parts), (rank, world, device) = self._part, self._process
        return Stream(
            self.seed, *keys, self.clock.step, rank=rank * parts + index, world_size=world * parts, device=device
        )

    def _seed_noise(self) -> None:
        """Seed what networks draw by themselves in this step, such as dropout."""
        rank, _, device = self._process
        seed_noise(derive_seed(self.seed, "noise", self.clock.step, rank), device)

    @cached_property
    def _process(self) -> tuple[int, int, torch.device]:
        """The rank of this process, their number, and its device: to ask Lightning in every step takes long."""
        return self.global_rank, self.trainer.world_size, self.device

    def _optimizer(self, network: str) -> Optimizer:
        """Return the optimizer of ``network`` with the learning rates of this step."""
        optimizer = self.trainer.optimizers[self.optimized.index(network)]
        scale_rates(optimizer, self._schedule(self.clock.images_seen))
        return optimizer

    def learning_rates(self) -> dict[str, float]:
        """Return the learning rates of the last step, by network."""
        return {name: self._optimizer(name).param_groups[0]["lr"] for name in self.optimized}

    def trained_by(self, network: str) -> list[nn.Parameter]:
        """Return the weights that the optimizer of ``network`` steps."""
        return trained(getattr(self, network))

    def configure_optimizers(self) -> list[Optimizer]:
        """Build one optimizer for each network that is to have one."""
        return [keep_rates(self._factories[name](self.trained_by(name))) for name in self.optimized]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Record the norm of the gradient and clip it, without the factor of loss scaling.

        The norm is 0 where the scaled gradient overflows: loss scaling then leaves the step out, and goes on.
        """
        network = self.optimized[self.trainer.optimizers.index(optimizer)]
        scaler: Any = None if self.direct else getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)  # Lightning leaves it to fused optimizers, which would do it after this hook
        norm = clip_gradient(optimizer, self._clip[network])
        self._gradient_norms[network] = norm if scaler is None else norm.where(norm.isfinite(), torch.zeros_like(norm))

    @contextmanager
    def _training_only(self, optimizer: Optimizer) -> Iterator[None]:
        """Compute gradients of the weights of ``optimizer`` only, during a block; blocks can be nested."""
        changed = [
            weight
            for other in self.trainer.optimizers
            for weight in weights_of(other)
            if weight.requires_grad is not (other is optimizer)
        ]
        for weight in changed:
            weight.requires_grad = not weight.requires_grad
        try:
            yield
        finally:
            for weight in changed:
                weight.requires_grad = not weight.requires_grad

    def _minimize(self, loss: Tensor, optimizer: Optimizer, **options: Any) -> None:
        """Compute the gradient and take the optimizer's step; of several parts, in the last of them."""
        self._add_gradient(loss, optimizer, **options)
        index, parts = self._part
        if index + 1 == parts:
            self._take_step(optimizer)

    def _add_gradient(self, loss: Tensor, optimizer: Optimizer, **options: Any) -> None:
        """Compute the gradient, with options of ``backward``; of several parts, gradients are averaged."""
        index, parts = self._part
        if index == 0:
            clear_gradient(optimizer)
        loss = loss / parts if parts > 1 else loss
        if self.direct:
            loss.backward(**options)  # type: ignore[no-untyped-call]
        else:
            self.manual_backward(loss, **options)

    def _take_step(self, optimizer: Optimizer) -> None:
        if self.direct:
            self.on_before_optimizer_step(optimizer)
            take_step(optimizer)
        else:
            wrappers: Any = self.optimizers()
            wrappers = wrappers if isinstance(wrappers, list) else [wrappers]
            wrappers[self.trainer.optimizers.index(optimizer)].step()

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks that there are, by the names of their attributes."""
        return {name: network for name in NETWORKS if (network := getattr(self, name, None)) is not None}

    def _in_parts(self, parts: Sequence[Item]) -> Iterable[Item]:
        """Return parts of a step, each with its share of the random numbers, and the same buffers to start from."""
        return parts if len(parts) == 1 else self._one_by_one(parts)

    def _one_by_one(self, parts: Sequence[Item]) -> Iterator[Item]:
        for index, part in with_same_buffers(parts, self.networks().values()):
            self._part = index, len(parts)
            yield part
        self._part = 0, 1
