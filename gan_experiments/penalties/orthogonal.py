"""Orthogonal regularization of weights."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.types import ConfigError, NonNegativeFloat, PositiveInt


class Orthogonal(Penalty):
    """Filters of a layer should be orthogonal, of any length (Brock, Donahue & Simonyan 2019, section 3.1).

    BigGAN-PyTorch adds half of its gradient at the same weight.

    Embeddings are excluded. Under spectral normalization the raw weights are penalized.

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
        network: The network whose weights are penalized.
    """

    def __init__(
        self,
        weight: NonNegativeFloat = 1e-4,
        interval: PositiveInt = 1,
        network: Literal["generator", "discriminator", "both"] = "generator",
    ) -> None:
        super().__init__(weight, interval)
        self.network = network

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Refuse networks that have no matrices.

        Raises:
            ConfigError: Names them.
        """
        chosen = {"generator": [generator], "discriminator": [discriminator], "both": [generator, discriminator]}
        bare = [type(each).__name__ for each in chosen[self.network] if not _matrices(each)]
        if bare:
            text = f"the weights of {' and '.join(bare)} are no matrices: there is nothing to make orthogonal"
            raise ConfigError(f"penalty.orthogonal.network: {text}")

    def discriminator(self, step: Step) -> Tensor | None:
        """Return the sum over layers of ``||W^T W * (1 - I)||_F^2``, the columns of ``W`` being filters."""
        return _overlap(step.discriminator) if self.network in ("discriminator", "both") else None

    def generator(self, step: Step) -> Tensor | None:
        """Return the same of the generator's layers."""
        return _overlap(step.generator) if self.network in ("generator", "both") else None


def _overlap(network: nn.Module) -> Tensor:
    return torch.stack([_overlap_of_rows(filters) for filters in _matrices(network)]).sum()


def _matrices(network: nn.Module) -> list[Tensor]:
    return [filters for module in network.modules() if (filters := _filters(module)) is not None]


def _overlap_of_rows(filters: Tensor) -> Tensor:
    """Return the sum of squares of the products of different rows of a matrix."""
    if len(filters) > filters.shape[1]:  # W W^T and W^T W have the same norm; the smaller one is cheaper
        return (filters.T @ filters).square().sum() - filters.square().sum(dim=1).square().sum()
    products = filters @ filters.T
    return (products - products.diagonal().diag()).square().sum()


def _filters(module: nn.Module) -> Tensor | None:
    """Return one filter per row, ``(out, in * kh * kw)``; ``None`` for a module without a weight matrix."""
    weight: Tensor | None
    if is_parametrized(module, "weight"):  # reading ``weight`` would run another power iteration
        weight = module.get_submodule("parametrizations.weight").original  # type: ignore[assignment]
    else:
        weight = module._parameters.get("weight")
    if weight is None or weight.ndim < 2 or isinstance(module, nn.Embedding):
        return None
    if isinstance(module, nn.ConvTranspose2d):
        weight = weight.transpose(0, 1)
    return weight.flatten(1)
