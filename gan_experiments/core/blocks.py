"""The parts of a network by name: its blocks in order, and what a pattern of names stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from torch import nn

from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError

_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
_MOST_NAMES = 6


def blocks(network: nn.Module) -> list[list[str]]:
    """Return the names of the parts of a network in the order in which it is computed, block by block.

    A block begins with a layer, or a module of layers, that has weights; what follows it up to the next one belongs to
    it: normalizations, activations. Sequences and lists of modules are looked into, as is a module whose ``in_order``
    yields its parts with their names.
    """
    own = [name for name, _ in network.named_parameters(recurse=False)]
    blocks = [own] if own else []
    for name, module in _parts(network, ""):
        if not blocks or (any(True for _ in module.parameters()) and not isinstance(module, _NORMS)):
            blocks.append([])
        blocks[-1].append(name)
    return blocks


def chosen_parts(network: nn.Module, chosen: int | Sequence[str], from_image: bool, key: str) -> list[str]:
    """Return names of modules and parameters of a network.

    Args:
        network: The network.
        chosen: How many blocks, counted from the image, or patterns of names, such as ``layers.0`` or ``*.to_image``.
        from_image: Whether the first block is the one at the image, as in a discriminator.
        key: The option, for messages.

    Raises:
        ConfigError: There are fewer blocks, or a pattern fits no name.
    """
    if isinstance(chosen, int):
        ordered = blocks(network) if from_image else blocks(network)[::-1]
        if chosen > len(ordered):
            raise ConfigError(f"{key}: {chosen}, but {type(network).__name__} has {len(ordered)} blocks")
        return [name for block in ordered[:chosen] for name in block]
    names = [name for name, _ in (*network.named_modules(), *network.named_parameters()) if name]
    known = first_few([name for block in blocks(network) for name in block], _MOST_NAMES)
    problems = [
        f"{key}: no part of {type(network).__name__} is named {pattern!r} ({known})"
        for pattern in chosen
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
    if problems:
        raise ConfigError(problems)
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in chosen)]


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    in_order = getattr(module, "in_order", module.named_children)
    for name, part in in_order():
        if isinstance(part, (nn.Sequential, nn.ModuleList)) or hasattr(part, "in_order"):
            yield from _parts(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part
