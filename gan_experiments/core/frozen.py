"""A pretrained network inside a trained one: it never changes, and no checkpoint or optimizer holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from gan_experiments.core.weights import hash_weights


class Frozen(nn.Module):
    """Holds a network whose weights stay as they are, in evaluation mode; it moves with its owner between devices.

    It is no submodule, so that ``parameters`` and ``state_dict`` leave it out: whoever builds its owner again loads
    the same weights again, which ``weight_hash`` tells apart from others.

    Args:
        network: The network; gradients pass through it.

    Attributes:
        weight_hash: Hash of its weights and buffers.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.weight_hash = hash_weights(network.state_dict())
        self._held = (network.eval().requires_grad_(False),)  # a tuple, in which nn.Module does not look

    @property
    def network(self) -> nn.Module:
        """The network."""
        return self._held[0]

    def forward(self, inputs: Tensor) -> Any:
        """Return what the network makes of its inputs."""
        return self.network(inputs)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Frozen:
        self.network._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def weight_hashes(module: nn.Module) -> dict[str, str]:
    """Return the hashes of the weights of all frozen networks in a module, by their names."""
    return {name: part.weight_hash for name, part in module.named_modules() if isinstance(part, Frozen)}
