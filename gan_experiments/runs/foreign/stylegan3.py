"""StyleGAN3 of the authors' PyTorch code (Karras et al. 2021): options and names of weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.alias_free import FilteredActivation
from gan_experiments.networks.stylegan3 import CRITICAL, IMAGE_SCALE, StyleGAN3Generator, bands
from gan_experiments.runs.foreign.pickles import PickleError
from gan_experiments.runs.foreign.stylegan2 import mapping_options, networks_like_stylegan2
from gan_experiments.runs.foreign.tensors import ForeignFile, Shapes, check_filters, part_of, tensors_of

_LAYER = {
    "weight": "convolution.weight", "affine.weight": "convolution.style.weight",
    "affine.bias": "convolution.style.bias", "bias": "bias",
}  # fmt: skip
_NOT_LEARNED = ("_filter", "synthesis.input.transform")


def read_stylegan3(
    file: ForeignFile, modules: Mapping[str, Any], shapes: Mapping[str, Shapes]
) -> tuple[list[str], DataFacts, dict[str, dict[str, str]]]:
    """Return the options of our networks, the facts of the images, and our name of each weight of each module.

    Raises:
        PickleError: The networks have parts that ours do not.
    """
    chosen = "ema" if "ema" in modules else "generator"
    options, facts = _generator_options(shapes[chosen], modules[chosen])
    for role in modules.keys() - {"discriminator"}:
        _check_layers(file, modules[role], options, facts.height)
    rename = partial(_generator_name, layers=options["layers"])
    return networks_like_stylegan2("stylegan3", options, facts, file, modules, shapes, rename)


def _generator_options(shapes: Shapes, module: Any) -> tuple[dict[str, Any], DataFacts]:
    levels = {
        int(match[1]): (int(match[2]), shape)
        for name, shape in shapes.items()
        if (match := re.fullmatch(r"synthesis\.L(\d{1,3})_(\d{1,5})_\d+\.weight", name)) and len(shape) == 4
    }
    layers = len(levels) - 1
    if sorted(levels) != list(range(layers + 1)) or layers <= CRITICAL:
        raise PickleError("of a generator without all of its layers")
    size, (colours, channels, *_) = levels[layers]
    if size not in (StyleGAN3Generator.image_sizes or ()):
        raise PickleError(f"of images of {size} pixels, which StyleGAN3 has not here")
    decay = part_of(module, "synthesis", f"L0_{levels[0][0]}_{levels[0][1][0]}").get("magnitude_ema_beta")
    if part_of(module, "synthesis").get("output_scale") != IMAGE_SCALE or not isinstance(decay, (int, float)):
        raise PickleError("of a generator with another scale of images, or without the decay of its magnitudes")
    mapping, classes = mapping_options(shapes, module)
    options = {
        **mapping, "variant": "r" if levels[0][1][2] == 1 else "t", "channels": channels, "layers": layers,
        "max_channels": max(shape[0] for _, shape in levels.values()),
        # Two passes in a training step update it here, one there.
        "magnitude_decay": math.sqrt(min(max(decay, 0), 1)),
    }  # fmt: skip
    return options, DataFacts(name="imported", image_size=size, channels=colours, num_classes=classes)


def _check_layers(file: ForeignFile, module: Any, options: Mapping[str, Any], size: int) -> None:
    """Refuse a generator whose layers have other sizes, widths or filters, or whose input is moved."""
    weights = tensors_of(module)
    plan = bands(size, options["layers"], options["channels"], options["max_channels"])
    for index, after in enumerate(plan):
        before, layer = plan[max(0, index - 1)], f"synthesis.L{index}_{after.size}_{after.channels}"
        radial = options["variant"] == "r" and index < options["layers"] - CRITICAL
        own = FilteredActivation(before, after, before.size, radial)
        _check_fixed(file, weights, f"{layer}.up_filter", own.up_filter)
        _check_fixed(file, weights, f"{layer}.down_filter", own.down_filter)
    _check_fixed(file, weights, "synthesis.input.transform", torch.eye(3))


def _check_fixed(file: ForeignFile, weights: Mapping[str, Any], name: str, own: Tensor) -> None:
    if name not in weights:
        raise PickleError(f"of a network with other layers than here: it has no {name}")
    check_filters(file, {name: weights[name]}, name, own)


def _generator_name(name: str, layers: int) -> str | None:
    if name.endswith(_NOT_LEARNED):
        return None
    if name.startswith("synthesis.input."):
        return name.removeprefix("synthesis.").replace("input.freqs", "input.frequencies")
    match = re.fullmatch(r"synthesis\.L(\d+)_\d+_\d+\.(.+)", name)
    if match is None:
        return name
    index, rest = int(match[1]), match[2]
    if rest == "magnitude_ema":
        return f"layers.{index}.magnitude.mean_square"
    return f"layers.{index}.{'to_image.' if index == layers else ''}{_LAYER.get(rest, rest)}"
