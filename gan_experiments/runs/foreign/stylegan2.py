"""StyleGAN2 and StyleGAN2-ADA of the authors' PyTorch code (Karras et al. 2020): options and names of weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.resample import Filter
from gan_experiments.runs.foreign.pickles import PickleError, entries_of
from gan_experiments.runs.foreign.tensors import ForeignFile, Shapes, check_filters, part_of, state_of, tensors_of

_LAYER = {
    "weight": "convolution.weight", "affine.weight": "convolution.style.weight",
    "affine.bias": "convolution.style.bias", "bias": "bias", "noise_strength": "strength", "noise_const": "noise",
}  # fmt: skip
_ENDS = {"conv": "convolution", "fc": "hidden", "out": "head", "fromrgb": "from_image"}  # of the discriminator
_BLOCK = {"fromrgb": "from_image", "conv0": "first", "conv1": "second", "skip": "shortcut"}
_SMALLEST = 4  # pixels of the smallest feature maps
_WHOLE_BATCH = 65_536  # in a group of the minibatch standard deviation


def read_stylegan2(
    file: ForeignFile, modules: Mapping[str, Any], shapes: Mapping[str, Shapes]
) -> tuple[list[str], DataFacts, dict[str, dict[str, str]]]:
    """Return the options of our networks, the facts of the images, and our name of each weight of each module.

    Raises:
        PickleError: The networks have parts that ours do not.
    """
    chosen = "ema" if "ema" in modules else "generator"
    options, facts = _generator_options(shapes[chosen], modules[chosen])
    return networks_like_stylegan2("stylegan2", options, facts, file, modules, shapes, _generator_name)


def networks_like_stylegan2(
    model: str,
    options: Mapping[str, Any],
    facts: DataFacts,
    file: ForeignFile,
    modules: Mapping[str, Any],
    shapes: Mapping[str, Shapes],
    generator_name: Callable[[str], str | None],
) -> tuple[list[str], DataFacts, dict[str, dict[str, str]]]:
    """Return what ``read_stylegan2`` does for a generator of a family whose discriminator is StyleGAN2's.

    ``options`` are those of the generator. Of its weights outside the mapping network ``generator_name`` returns our
    name, or ``None`` for what is no weight.

    Raises:
        PickleError: The networks have parts that ours do not.
    """
    overrides = [f"model={model}", *(f"model.generator.{key}={value}" for key, value in options.items())]
    overrides += ["model.discriminator.conditioning=projection"] * (facts.num_classes > 0)
    names = {}
    for role, module in modules.items():
        _check_parts(file, role, module)
        rename = generator_name
        if role == "discriminator":
            own = _discriminator_options(shapes[role], module)
            overrides += [f"model.discriminator.{key}={value}" for key, value in own.items()]
            rename = partial(_discriminator_name, size=facts.height)
        names[role] = {name: here for name in shapes[role] if (here := _our_name(name, rename))}
    return overrides, facts, names


def _our_name(name: str, rename: Callable[[str], str | None]) -> str | None:
    """Return our name of a weight; ``None`` for what is no weight, the text itself for what is not known."""
    if name.endswith("resample_filter"):
        return None
    if name == "mapping.w_avg":
        return "average"
    if name.startswith("mapping."):
        name = name.replace("mapping.embed.", "mapping_network.embedding.")
        return re.sub(r"mapping\.fc(\d+)\.", r"mapping_network.layers.\1.", name)
    return rename(name)


def _check_parts(file: ForeignFile, role: str, module: Any) -> None:
    """Refuse a network with other filters or activations.

    Raises:
        PickleError: One differs.
    """
    check_filters(file, tensors_of(module), "resample_filter", Filter().kernel)
    activations = {part.get("activation") for part in _layers(module)} - {"linear", None}
    if activations - {"lrelu"}:
        raise PickleError(f"of a {role} with other activations than lrelu")


def mapping_options(shapes: Shapes, module: Any) -> tuple[dict[str, Any], int]:
    """Return the options of the mapping network of a generator, and the number of classes."""
    style_dim, fan_in = shapes["mapping.fc0.weight"]
    embedded, classes = shapes.get("mapping.embed.weight", (0, 0))
    options = {
        "latent_dim": fan_in - embedded, "style_dim": style_dim, "conditional": str(classes > 0).lower(),
        "mapping_layers": _count(shapes, r"mapping\.fc(\d+)\.weight"), "mapping_lr": _multiplier(module),
    }  # fmt: skip
    return options, classes


def _generator_options(shapes: Shapes, module: Any) -> tuple[dict[str, Any], DataFacts]:
    widths = _widths(shapes, r"synthesis\.b(\d+)\.conv1\.weight", 0)
    size = max(widths)
    mapping, classes = mapping_options(shapes, module)
    colours = shapes[f"synthesis.b{size}.torgb.weight"][0]
    form = "skip" if "synthesis.b4.torgb.weight" in shapes else _shortcuts(shapes)
    options = {**mapping, "channels": widths[size], "max_channels": max(widths.values()), "form": form}
    return options, DataFacts(name="imported", image_size=size, channels=colours, num_classes=classes)


def _discriminator_options(shapes: Shapes, module: Any) -> dict[str, Any]:
    widths = _widths(shapes, r"b(\d+)\.conv0\.weight", 1)
    last = shapes["b4.fc.weight"][0]
    extra = shapes["b4.conv.weight"][1] - last
    if extra > 1:
        raise PickleError(f"of a discriminator with {extra} channels of the minibatch standard deviation")
    group = part_of(module, "b4", "mbstd").get("group_size")
    fromrgb = [name for name in shapes if name.endswith("fromrgb.weight")]
    options = {
        "channels": widths[max(widths)],
        "max_channels": max(last, *widths.values()),
        "form": "skip" if len(fromrgb) > 1 else _shortcuts(shapes),
        "group_size": (group if isinstance(group, int) else _WHOLE_BATCH) if extra else 0,
    }
    if layers := _count(shapes, r"mapping\.fc(\d+)\.weight"):
        options |= {"mapping_layers": layers, "mapping_lr": _multiplier(module)}
    return options


def _generator_name(name: str) -> str:
    match = re.fullmatch(r"synthesis\.b(\d+)\.(const|conv0|conv1|torgb|skip)\.?(.*)", name)
    if match is None:
        return name
    index, part, rest = (int(match[1]) // _SMALLEST).bit_length() - 1, match[2], match[3]
    if part == "const":
        return "constant"
    if part == "skip":
        return f"blocks.{index}.shortcut.{rest}"
    inner = "to_image" if part == "torgb" else f"layers.{int(part[-1]) if index else 0}"
    return f"blocks.{index}.{inner}.{_LAYER.get(rest, rest)}"


def _discriminator_name(name: str, size: int) -> str:
    """Return our name of a weight of a discriminator of images of ``size`` pixels."""
    match = re.fullmatch(r"b(\d+)\.(\w+)\.(weight|bias)", name)
    if match is None:
        return name
    resolution, part, rest = int(match[1]), match[2], match[3]
    if resolution == _SMALLEST:
        return f"{_ENDS.get(part, part)}.{rest}"
    return f"blocks.{(size // resolution).bit_length() - 1}.{_BLOCK.get(part, part)}.{rest}"


def _widths(shapes: Shapes, pattern: str, axis: int) -> dict[int, int]:
    """Return the channels of each resolution."""
    widths = {int(match[1]): shape[axis] for name, shape in shapes.items() if (match := re.fullmatch(pattern, name))}
    if not widths:
        raise PickleError("of networks without layers")
    return widths


def _shortcuts(shapes: Shapes) -> str:
    return "residual" if any(".skip." in name for name in shapes) else "plain"


def _count(shapes: Shapes, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in shapes)


def _multiplier(module: Any) -> float:
    """Return the learning rate multiplier of a mapping network: the factor of its biases."""
    gain = part_of(module, "mapping", "fc0").get("bias_gain")
    if not isinstance(gain, (int, float)) or not 0 < gain <= 1:
        raise PickleError("of a mapping network without its learning rate multiplier")
    return float(gain)


def _layers(module: Any) -> list[dict[Any, Any]]:
    """Return the attributes of the modules of a network, at most three deep."""
    attributes, level = [], [module]
    for _ in range(4):
        states = [state_of(each) for each in level if each is not None]
        attributes += states
        level = [part for state in states for part in entries_of(state["_modules"]).values()]
    return attributes
