"""DCGAN of torchgan (Pal & Das 2021): options and names of weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from gan_experiments.core.types import DataFacts
from gan_experiments.runs.foreign.pickles import PickleError
from gan_experiments.runs.foreign.state_dicts import State

_SLOPE = 0.2  # of the activations there, unless others were given, which a file does not say


def read_torchgan(roles: Mapping[str, State]) -> tuple[list[str], DataFacts, dict[str, State]]:
    """Return the options of our networks, the facts of the images, and the weights of each by our names.

    Raises:
        PickleError: The generator has another form.
    """
    generator = roles["generator"]
    layers = sorted({int(match[1]) for name in generator if (match := re.match(r"model\.(\d+)\.0\.weight", name))})
    kernels = [_convolution(generator, layer) for layer in layers]
    if len(kernels) < 3:
        raise PickleError("holds a generator of torchgan that is no DCGAN")
    first, last = _convolution(generator, 0), kernels[-1]
    norm = "batch" if "model.0.1.weight" in generator else "none"
    facts = DataFacts(name="imported", image_size=2 ** (len(layers) + 1), channels=last.shape[1], num_classes=0)
    shared = [f"norm={norm}", "image_bias=true"]
    options = [f"latent_dim={len(first)}", f"channels={last.shape[0]}", f"slope={_SLOPE}", *shared]
    overrides = ["model=dcgan", *(f"model.generator.{option}" for option in options)]
    if "discriminator" in roles:
        channels = len(_convolution(roles["discriminator"], 0))
        overrides += [f"model.discriminator.{option}" for option in (f"channels={channels}", *shared)]
    weights = {role: dict(_renamed(each, norm, role)) for role, each in roles.items()}
    return overrides, facts, weights


def _renamed(state: State, norm: str, role: str) -> list[tuple[str, Tensor]]:
    """Return the weights by our names: both networks are a sequence of layers, and their ends are linear here."""
    result, step = [], 3 if norm == "batch" else 2
    for name, value in state.items():
        match = re.fullmatch(r"(model|disc)\.(?:(\d+)\.)?(\d+)\.(\w+)", name)
        if match is None:
            result.append((name, value))
        elif match[1] == "disc":
            result.append((f"head.{match[4]}", value.flatten(1) if value.dim() == 4 else value))
        else:
            layer, part, rest = int(match[2] or 0), int(match[3]), match[4]
            if role == "discriminator":  # no normalization after the first layer
                place = step * layer - (norm == "batch" and layer > 0) + part
            else:  # the first layer is followed by its reshaping
                place = step * layer + (1 if layer or part else 0) + part
            projects = role != "discriminator" and not layer and not part
            if projects and rest == "weight":
                value = value.flatten(1).T
            elif projects and rest == "bias":
                value = value.repeat_interleave(16)  # one for each pixel of the first feature map
            result.append((f"layers.{place}.{rest}", value))
    return result


def _convolution(state: State, layer: int) -> Tensor:
    value = state.get(f"model.{layer}.0.weight")
    if value is None or value.dim() != 4:
        raise PickleError("holds a network of torchgan that is no DCGAN")
    return value
