"""Begins a run with the weights of another one, as far as they fit."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import is_main_process
from gan_experiments.runs.initial import read_source
from gan_experiments.systems.base import System

_MOST_NAMES = 10
_FROM_IMAGE = ("discriminator", "encoder")  # networks whose first layer is the one at the image
_NUMBERED = re.compile(r"(layers|blocks|encoder)\.(\d+)\.")  # a part of a network that is a sequence

_log = logging.getLogger(__name__)


class Fit(NamedTuple):
    """Weights of another network that fit into one, and a line for each of either without its like in the other."""

    taken: dict[str, Tensor]
    left: list[str]


def begin_with(system: System, init_from: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Load the weights of a run folder, a checkpoint or a generator file into a new system, as ``init`` says.

    Weights that the source does not have stay as they are; the average becomes a copy of the generator.

    Returns:
        Where the weights come from and how many of each network were taken, for the record.

    Raises:
        ConfigError: The source is missing, damaged, of another family, lacks the network, or, if ``strict``, differs.
    """
    source = read_source(init_from, options.get("generator") or "ema")
    chosen = options.get("networks")
    names = list(system.networks())
    missing = [name for name in ([chosen] if chosen else names) if name not in names or name not in source.weights]
    if missing and (chosen or options.get("strict") or missing == names):
        where = init_from if missing[0] in names else f"{type(system).__name__} of this run"
        raise ConfigError(f"init_from: {where} has no {' and no '.join(missing)}")
    taken, left = {}, []
    for name in [name for name in ([chosen] if chosen else names) if name not in missing]:
        network = getattr(system, name)
        fit = fitting(network, source.weights[name], from_image=name in _FROM_IMAGE)
        if not fit.taken:
            raise ConfigError(f"init_from: nothing of the {name} of {init_from} fits: it is of another family")
        taken[name] = f"{len(fit.taken)} of {len(network.state_dict())}"
        left += [f"{name}.{line}" for line in fit.left]
        _load(network, fit.taken, init_from)
    if left and options.get("strict"):
        raise ConfigError(f"init_from: {init_from} differs: {first_few(left, _MOST_NAMES)}")
    system.ema.module.load_state_dict(system.generator.state_dict())
    said = ", ".join(f"{count} tensors of the {name}" for name, count in taken.items())
    if is_main_process():
        rest = f"; not: {first_few(left, _MOST_NAMES)}" if left else ""
        _log.warning("begins with %s from %s%s", said, init_from, rest)
    return source.origin | {"source": init_from, "taken": taken, "left": left}


def fitting(network: nn.Module, weights: Mapping[str, Tensor], from_image: bool) -> Fit:
    """Return which weights of another network fit into ``network``: those of the same name and shape.

    Numbered layers that begin at the image (``from_image``) are counted from the other end, so that networks for two
    sizes of images share the layers of the same feature maps.
    """
    own = network.state_dict()
    offsets = {}
    if from_image:
        ours, theirs = _lengths(own), _lengths(weights)
        offsets = {part: ours[part] - theirs[part] for part in ours if part in theirs}
    renamed = {_renumbered(name, offsets): (name, value) for name, value in weights.items()}
    taken, left = {}, []
    for name in dict.fromkeys([*own, *renamed]):
        mine, (_, other) = own.get(name), renamed.get(name, ("", None))
        if mine is not None and other is not None and mine.shape == other.shape:
            taken[name] = other
        elif mine is not None or other is not None:
            left.append(f"{name} ({_shape(other)} there, {_shape(mine)} here)")
    return Fit(taken, left)


def _load(network: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    own = network.state_dict()
    for name, value in weights.items():
        if own[name].is_floating_point() != value.is_floating_point():
            raise ConfigError(f"init_from: {where}: {name} is {value.dtype}, not {own[name].dtype}")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ConfigError(f"init_from: {where}: {name} holds values that are not finite")
        with torch.no_grad():
            own[name].copy_(value)


def _lengths(names: Mapping[str, Tensor]) -> Counter[str]:
    """Return how many numbered layers each sequence of a network has, up to the last with weights."""
    lengths: Counter[str] = Counter()
    for name in names:
        if match := _NUMBERED.match(name):
            lengths[match[1]] = max(lengths[match[1]], int(match[2]) + 1)
    return lengths


def _renumbered(name: str, offsets: Mapping[str, int]) -> str:
    match = _NUMBERED.match(name)
    if match is None or not offsets.get(match[1]):
        return name
    return f"{match[1]}.{int(match[2]) + offsets[match[1]]}.{name[match.end() :]}"


def _shape(tensor: Tensor | None) -> str:
    return "none" if tensor is None else str(tuple(tensor.shape))
