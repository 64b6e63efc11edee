"""What families of networks are recognized in a foreign file, and what their weights are called here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor

from gan_experiments.core.text import first_few, first_line
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.runs.foreign.biggan_deep import read_biggan_deep
from gan_experiments.runs.foreign.pickles import PickleError, entries_of
from gan_experiments.runs.foreign.r3gan import read_r3gan
from gan_experiments.runs.foreign.state_dicts import State, state_dicts
from gan_experiments.runs.foreign.studiogan import read_studiogan
from gan_experiments.runs.foreign.stylegan2 import read_stylegan2
from gan_experiments.runs.foreign.stylegan3 import read_stylegan3
from gan_experiments.runs.foreign.tensors import ForeignFile, part_of, state_of, tensors_of
from gan_experiments.runs.foreign.torchgan import read_torchgan

_MOST_NAMES = 10
_READERS: Mapping[str, Callable[..., Any]] = {
    "StyleGAN2": read_stylegan2, "StyleGAN3": read_stylegan3, "R3GAN": read_r3gan,
}  # fmt: skip
_FAMILIES: Mapping[str, Callable[[Mapping[str, State]], tuple[list[str], DataFacts, dict[str, State]]]] = {
    "StudioGAN": read_studiogan, "torchgan": read_torchgan, "BigGAN-deep": read_biggan_deep,
}  # fmt: skip
# Weights that tell the family and the part of a state dict.
_MARKS = tuple((family, role, re.compile(pattern)) for family, role, pattern in (
    ("BigGAN-deep", "generator", r"generator\.gen_z\."),
    ("torchgan", "discriminator", r"disc\.0\.weight$"),
    ("torchgan", "generator", r"model\.\d+\.0\.weight$"),
    ("StudioGAN", "generator", r"linear0\.|mapping\."),
    ("StudioGAN", "discriminator", r"linear1\."),
))  # fmt: skip
_TO_BEGIN = (
    "save those of a network here with safetensors.torch.save_file(generator.state_dict(), 'mine.safetensors'), then "
    "gan-train init_from=mine.safetensors"
)
_ROLES = {"G_ema": "ema", "G": "generator", "D": "discriminator"}  # of the modules in a file


class Module(NamedTuple):
    """A network of a file.

    Attributes:
        names: The name here of each of its weights.
        weights: They, not yet rebuilt, by their name there.
        turned: Those of our names whose two dimensions are exchanged there.
    """

    names: dict[str, str]
    weights: dict[str, Any]
    turned: tuple[str, ...] = ()

    def rebuilt(self, file: ForeignFile, own: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
        """Return the weights as a state dict like ``own``, that of the network here; ``what`` names it in messages.

        Raises:
            ConfigError: The networks differ: the first names and shapes that do.
        """
        theirs = {here: file.shape(self.weights[name]) or () for name, here in self.names.items()}
        lines = []
        for name in dict.fromkeys([*own, *theirs]):
            shapes = [tuple(own[name].shape) if name in own else None, theirs.get(name)]
            if None in shapes or not _alike(name in self.turned, *shapes):  # type: ignore[arg-type]
                lines.append(f"{what}.{name} ({shapes[1]} there, {shapes[0]} here)")
        if lines:
            raise ConfigError(f"of a network that differs from what is here: {first_few(lines, _MOST_NAMES)}")
        tensors = {here: file.tensor(self.weights[name]) for name, here in self.names.items()}
        if wrong := [name for name, value in tensors.items() if not bool(value.isfinite().all())]:
            raise ConfigError(f"{what}.{wrong[0]} holds values that are not finite")
        return {name: _as(value, own[name], name in self.turned) for name, value in tensors.items()}


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
    if (states := _of_state_dicts(file)) is not None:
        return states
    modules = {role: each for key, role in _ROLES.items() if (each := entries_of(file.content).get(key)) is not None}
    generator = modules.get("ema", modules.get("generator"))
    if generator is None:
        if isinstance(file.content, (tuple, list)):
            raise PickleError("of TensorFlow, or no networks: convert it with the authors' legacy.py first")
        text = "holds no G_ema and no G, as StyleGAN2-ADA, StyleGAN3 and R3GAN do, and no known state dict"
        raise PickleError(f"{text} ({', '.join(_FAMILIES)}); {_TO_BEGIN}")
    parts = set(entries_of(state_of(generator)["_modules"]))
    if parts == {"mapping", "synthesis"}:
        family = "StyleGAN3" if part_of(generator, "synthesis", "input") else "StyleGAN2"
    elif parts == {"Model"}:
        family = "R3GAN"
    else:
        raise PickleError(f"holds a generator of {first_few(sorted(map(str, parts)), 6)}: a family that is not known")
    weights = {role: tensors_of(module) for role, module in modules.items()}
    shapes = {
        role: {name: shape for name, value in each.items() if (shape := file.shape(value)) is not None}
        for role, each in weights.items()
    }
    with _refusing_in_a_line(family):
        overrides, facts, names = _READERS[family](file, modules, shapes)
    turned = ("embedding.weight",) * (family == "R3GAN")
    return Foreign(family, overrides, facts, {role: Module(names[role], weights[role], turned) for role in weights})


def _of_state_dicts(file: ForeignFile) -> Foreign | None:
    """Return the networks of a file that holds state dicts of a family that is known; ``None`` of any other."""
    family, roles = None, {}
    for key, state in state_dicts(file).items():
        mark = next(((name, role) for name, role, weight in _MARKS if any(map(weight.match, state))), None)
        if mark is not None:
            family, role = mark
            roles[key if key in ("ema", "generator") else role] = state
    if family is None:
        return None
    with _refusing_in_a_line(family):
        overrides, facts, weights = _FAMILIES[family](roles)
    return Foreign(
        family, overrides, facts, {r: Module({n: n for n in each}, dict(each)) for r, each in weights.items()}
    )


@contextmanager
def _refusing_in_a_line(family: str) -> Iterator[None]:
    """Refuse networks in which a reader does not find what it looks for."""
    try:
        yield
    except PickleError:
        raise
    except (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise PickleError(f"of a {family} network that differs from what is here: {first_line(error)}") from None


def _alike(turned: bool, here: tuple[int, ...], there: tuple[int, ...]) -> bool:
    """Return whether shapes are the same, but for leading ones, or for the other order of two dimensions."""
    if turned:
        return here == there[::-1]
    return here == there or (len(here) > len(there) and here == (1,) * (len(here) - len(there)) + there)


def _as(value: Tensor, own: Tensor, turned: bool) -> Tensor:
    return (value.T if turned else value).reshape(own.shape).to(own.dtype).contiguous()
