"""Historical averaging of weights."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.types import NonNegativeFloat, PositiveInt


class HistoricalAveraging(Penalty):
    """Weights should stay near the mean of all that they have been so far (Salimans et al. 2016, section 3.3).

    ``||theta - mean||^2``, the mean being that after each step of the network in which the term was applied. It is a
    constant to the gradient. Its sum over all weights grows with the size of the network.

    Args:
        weight: Factor of the term.
        interval: Apply, and follow the weights, in every ``interval``-th step.
        network: The network whose weights are penalized.
    """

    def __init__(
        self,
        weight: NonNegativeFloat = 1e-3,
        interval: PositiveInt = 1,
        network: Literal["generator", "discriminator", "both"] = "both",
    ) -> None:
        super().__init__(weight, interval)
        self.network = network

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Make the means, and the numbers of steps that they are of."""
        for name, network in (("generator", generator), ("discriminator", discriminator)):
            if self.network in (name, "both"):
                self.register_buffer(f"{name}_mean", _weights(network).detach())
                self.register_buffer(f"{name}_steps", torch.zeros((), dtype=torch.long))

    def discriminator(self, step: Step) -> Tensor | None:
        """Return ``||theta - mean||^2`` of the discriminator; 0 in the first step."""
        return self._distance("discriminator", step.discriminator)

    def generator(self, step: Step) -> Tensor | None:
        """Return the same of the generator."""
        return self._distance("generator", step.generator)

    def after_discriminator_step(self, discriminator: nn.Module) -> None:
        """Count the weights after this step."""
        self._follow("discriminator", discriminator)

    def after_generator_step(self, generator: nn.Module) -> None:
        """Count the weights after this step."""
        self._follow("generator", generator)

    def _distance(self, name: str, network: nn.Module) -> Tensor | None:
        if self.network not in (name, "both"):
            return None
        now = _weights(network)
        past = torch.where(self.get_buffer(f"{name}_steps") == 0, now.detach(), self.get_buffer(f"{name}_mean"))
        return (now - past).square().sum()

    @torch.no_grad()
    def _follow(self, name: str, network: nn.Module) -> None:
        if self.network not in (name, "both"):
            return
        steps, mean = self.get_buffer(f"{name}_steps"), self.get_buffer(f"{name}_mean")
        steps += 1
        mean += (_weights(network) - mean) / steps


def _weights(network: nn.Module) -> Tensor:
    """Return all parameters of a network as one vector."""
    return torch.cat([parameter.flatten() for parameter in network.parameters()])
