"""What families of networks are recognized in a foreign file, and what their weights are called here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.runs.foreign.pickles import PickleError, entries_of
from gan_experiments.runs.foreign.r3gan import read_r3gan
from gan_experiments.runs.foreign.stylegan2 import read_stylegan2
from gan_experiments.runs.foreign.tensors import ForeignFile, state_of, tensors_of

_MOST_NAMES = 10
_READERS: Mapping[str, Callable[..., Any]] = {"StyleGAN2": read_stylegan2, "R3GAN": read_r3gan}
_ROLES = {"G_ema": "ema", "G": "generator", "D": "discriminator"}  # of the modules in a file


class Module(NamedTuple):
    """A network of a file.

    Attributes:
        names: The name here of each of its weights.
        weights: They, not yet rebuilt, by their name there.
    """

    names: dict[str, str]
    weights: dict[str, Any]

    def rebuilt(self, file: ForeignFile, own: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
        """Return the weights as a state dict of a network here, whose weights have the same shapes.

        Args:
            file: The file.
            own: The state dict of the network here.
            what: The network, for messages.

        Raises:
            ConfigError: The networks differ: the first names and shapes that do.
        """
        there = {here: file.shape(self.weights[name]) or () for name, here in self.names.items()}
        lines = []
        for name in dict.fromkeys([*own, *there]):
            shapes = [tuple(own[name].shape) if name in own else None, there.get(name)]
            if None in shapes or not _alike(name, *shapes):  # type: ignore[arg-type]
                lines.append(f"{what}.{name} ({shapes[1]} there, {shapes[0]} here)")
        if lines:
            raise ConfigError(f"of a network that differs from what is here: {first_few(lines, _MOST_NAMES)}")
        tensors = {here: file.tensor(self.weights[name]) for name, here in self.names.items()}
        return {name: _as(value, own[name], name) for name, value in tensors.items()}


class Foreign(NamedTuple):
    """The networks of a file.

    Attributes:
        family: Whose they are.
        overrides: Of our config, for the same networks.
        facts: Of their images.
        modules: ``generator``, ``ema`` and ``discriminator``, as far as there are.
    """

    family: str
    overrides: list[str]
    facts: DataFacts
    modules: dict[str, Module]


def recognized(file: ForeignFile) -> Foreign:
    """Recognize the networks of a file.

    Raises:
        PickleError: They are of no family that is known here.
    """
    modules = {role: each for key, role in _ROLES.items() if (each := entries_of(file.content).get(key)) is not None}
    generator = modules.get("ema", modules.get("generator"))
    if generator is None:
        if isinstance(file.content, (tuple, list)):
            raise PickleError("of TensorFlow, or no networks: convert it with the authors' legacy.py first")
        raise PickleError("holds no G_ema and no G: it is no snapshot of StyleGAN2-ADA or R3GAN")
    parts = set(entries_of(state_of(generator)["_modules"]))
    if parts == {"mapping", "synthesis"}:
        family = "StyleGAN2"
        if "input" in entries_of(state_of(entries_of(state_of(generator)["_modules"])["synthesis"])["_modules"]):
            raise PickleError("holds StyleGAN3, of which there is no network here")
    elif parts == {"Model"}:
        family = "R3GAN"
    else:
        raise PickleError(f"holds a generator of {first_few(sorted(map(str, parts)), 6)}: a family that is not known")
    weights = {role: tensors_of(module) for role, module in modules.items()}
    shapes = {role: _shapes(file, each) for role, each in weights.items()}
    overrides, facts, names = _READERS[family](file, modules, shapes)
    return Foreign(family, overrides, facts, {role: Module(names[role], weights[role]) for role in weights})


def _shapes(file: ForeignFile, weights: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, value in weights.items() if (shape := file.shape(value)) is not None}


def _alike(name: str, here: tuple[int, ...], there: tuple[int, ...]) -> bool:
    """Return whether shapes are the same, but for leading ones, or for the other order in a table of classes."""
    if _is_table(name):
        return here == there[::-1]
    return here == there or (len(here) > len(there) and here == (1,) * (len(here) - len(there)) + there)


def _as(value: Tensor, own: Tensor, name: str) -> Tensor:
    return (value.T if _is_table(name) else value).reshape(own.shape).to(own.dtype).contiguous()


def _is_table(name: str) -> bool:
    return re.fullmatch(r"embedding\.weight", name) is not None
