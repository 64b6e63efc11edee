"""The training step of a small GAN as a function of its whole state, in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_experiments.core.contracts import Batch
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.step_statistics import StepStatistics
from gan_experiments.training.build import build_system, construct

_LATE = 10**6  # steps after which averages are no longer corrected for their bias

Array = NDArray[np.float64]


class EquilibriumStep:
    """One period of training, from state to state; each call draws the same data, latents and noise.

    The state is a vector of everything that a step changes: the weights of both networks, then the buffers of networks,
    loss, penalties and augmentations, then the states of both optimizers.

    Args:
        config: Checked and resolved: ``dataset``, ``model``, ``loss``, ``penalty``, ``augment``, ``optimizer``,
            ``batch_size``, ``d_steps`` and ``seed``.
        lazy: Apply penalties in their intervals; otherwise in every step, with the same mean.

    Attributes:
        period: Discriminator steps after which all that comes in intervals recurs.
        num_weights: How many numbers of the state are weights.
    """

    def __init__(self, config: Mapping[str, Any], lazy: bool = True) -> None:
        self._data = construct(config["dataset"], "dataset", seed=config["seed"])
        batch_size = config["batch_size"]
        system = build_system({**config, "budget": {"images": 1}, "ema": {"half_life": 0}}, self._data)
        assert isinstance(system, GAN)
        self.system = system.double()
        self.system.direct = True
        for penalty in self.system.penalties.values():
            penalty.interval = penalty.interval if lazy else 1
        self.period = config["d_steps"] * math.lcm(*(each.interval for each in self.system.penalties.values()))
        self._start = _LATE * self.period * batch_size
        trainer: Any = SimpleNamespace(optimizers=[], world_size=1, global_rank=0)
        self.system._trainer = trainer
        self._optimizers = trainer.optimizers = self.system.configure_optimizers()
        order = torch.arange(batch_size * self.period) % len(self._data.images)
        self._batches = [Batch(self._data.images[part].double(), None) for part in torch.split(order, batch_size)]
        buffers = [buffer for name, buffer in self.system.named_buffers() if not name.startswith("ema.")]
        kept = [buffer for buffer in buffers if buffer.is_floating_point()]
        self._counters = [buffer for buffer in buffers if not buffer.is_floating_point()]
        self._buffers = [buffer.clone() for buffer in kept]
        self._take()  # optimizers make their states in their first step
        self._weights = [*self.system.generator.parameters(), *self.system.discriminator.parameters()]
        self.num_weights = sum(weight.numel() for weight in self._weights)
        self._tensors: list[Tensor] = [*self._weights, *kept]
        for optimizer in self._optimizers:
            for state in optimizer.state.values():
                changing = (value for key, value in state.items() if key != "step" and isinstance(value, Tensor))
                self._tensors += [value for value in changing if value.is_floating_point()]

    def start(self) -> Array:
        """Return weights at which the generator is at its equilibrium and the discriminator is zero everywhere."""
        with torch.no_grad():
            self.system.generator.to_equilibrium(self._data.equilibrium)  # type: ignore[operator]
            for weight in self.system.discriminator.parameters():
                weight.zero_()
        return _vector(self._weights)

    def at(self, known: Array) -> Array:
        """Return the state with these weights, or weights and buffers, and of optimizers that have seen no gradient."""
        state = np.zeros(sum(tensor.numel() for tensor in self._tensors))
        buffers = _vector(self._buffers)
        state[self.num_weights : self.num_weights + len(buffers)] = buffers
        state[: len(known)] = known
        return state

    def __call__(self, state: Array) -> Array:
        """Return the state after a period that starts from ``state``, long after the beginning of training."""
        self._set(state)
        for optimizer in self._optimizers:
            for own in optimizer.state.values():
                if isinstance(own.get("step"), Tensor):
                    own["step"].fill_(_LATE)
        for counter in self._counters:
            counter.fill_(_LATE)
        self._take()
        return _vector(self._tensors)

    def run(self, known: Array, distance: float, steps: int) -> Array:
        """Train from a ``distance`` to these weights; return the distances to them after each period."""
        weights, moved = known[: self.num_weights], self.at(known)
        moved[: self.num_weights] += distance / math.sqrt(self.num_weights)
        self._set(moved)
        for optimizer in self._optimizers:
            optimizer.state.clear()
        for counter in self._counters:
            counter.zero_()
        distances = []
        for _ in range(-(-steps // self.period)):
            self._take()
            with np.errstate(over="ignore", invalid="ignore"):
                distances.append(float(np.linalg.norm(_vector(self._weights) - weights)))
        return np.array(distances)

    def _set(self, state: Array) -> None:
        parts = torch.split(torch.from_numpy(state), [tensor.numel() for tensor in self._tensors])
        with torch.no_grad():
            for tensor, part in zip(self._tensors, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def _take(self) -> None:
        self.system.clock.images_seen = self._start
        for batch in self._batches:
            self.system.step(batch)
        self.system.statistics = StepStatistics()  # of values that nobody reads


def _vector(tensors: Sequence[Tensor]) -> Array:
    parts = [tensor.detach().flatten() for tensor in tensors]
    return torch.cat(parts).double().numpy().copy() if parts else np.zeros(0)
