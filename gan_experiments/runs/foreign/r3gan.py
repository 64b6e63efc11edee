"""R3GAN of the authors' code (Huang et al. 2024): options and names of weights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.resample import Filter
from gan_experiments.runs.foreign.pickles import PickleError
from gan_experiments.runs.foreign.tensors import ForeignFile, Shapes, check_filters, tensors_of

_RESIDUAL = {
    "LinearLayer1.Layer.weight": "expand.weight", "NonLinearity1.Bias": "expand.bias",
    "LinearLayer2.Layer.weight": "grouped.weight", "NonLinearity2.Bias": "grouped.bias",
    "LinearLayer3.Layer.weight": "reduce.weight",
}  # fmt: skip
_LAYER = re.compile(r"Model\.MainLayers\.(\d+)\.Layers\.(\d+)\.(.+)")


def read_r3gan(
    file: ForeignFile, modules: Mapping[str, Any], shapes: Mapping[str, Shapes]
) -> tuple[list[str], DataFacts, dict[str, dict[str, str]]]:
    """Return the options of our networks, the facts of the images, and our name of each weight of each module.

    Raises:
        PickleError: The networks have parts that ours do not.
    """
    for module in modules.values():
        check_filters(file, tensors_of(module), "Resampler.Kernel", Filter().kernel)
    generator = shapes["ema" if "ema" in modules else "generator"]
    stages = 1 + max(int(match[1]) for name in generator if (match := _LAYER.fullmatch(name)))
    basis = generator["Model.MainLayers.0.Layers.0.Basis"]
    embedded, classes = generator.get("Model.EmbeddingLayer.weight", (0, 0))
    latent_dim = generator["Model.MainLayers.0.Layers.0.LinearLayer.weight"][1] - embedded
    if classes and embedded != latent_dim:
        raise PickleError(f"of a generator with embeddings of {embedded} numbers beside latents of {latent_dim}")
    colours = generator["Model.AggregationLayer.Layer.weight"][0]
    facts = DataFacts(name="imported", image_size=basis[-1] * 2 ** (stages - 1), channels=colours, num_classes=classes)
    overrides = ["model=r3gan", f"model.generator.latent_dim={latent_dim}"]
    overrides += ["model.generator.conditional=true", "model.discriminator.conditioning=projection"] * bool(classes)
    for network, role in (("generator", "ema"), ("generator", "generator"), ("discriminator", "discriminator")):
        if role in shapes:
            overrides += [f"model.{network}.{key}={value}" for key, value in _widths(shapes[role]).items()]
    names = {role: dict(_names(each, stages, role == "discriminator")) for role, each in shapes.items()}
    return list(dict.fromkeys(overrides)), facts, names


def _widths(shapes: Shapes) -> dict[str, int]:
    """Return the options that widths and depths of the residual blocks follow from."""
    outer = {name: shape for name, shape in shapes.items() if name.endswith("LinearLayer1.Layer.weight")}
    groups = [shape[1] for name, shape in shapes.items() if name.endswith("LinearLayer2.Layer.weight")]
    widths = {int(_parts(name)[0]): shape for name, shape in outer.items()}
    blocks = Counter(_parts(name)[0] for name in outer)
    if not widths:
        raise PickleError("of networks without residual blocks")
    channels = [shape[1] for shape in widths.values()]
    nearest = min(channels[0], channels[-1])
    first = next(iter(widths.values()))
    return {
        "channels": nearest, "max_channels": max(channels), "expansion": first[0] // first[1],
        "group_width": max(groups), "blocks": max(blocks.values()),
    }  # fmt: skip


def _names(shapes: Shapes, stages: int, from_image: bool) -> Iterator[tuple[str, str]]:
    """Yield the name of each weight in a network there and in ours, in which all layers are one sequence."""
    layers = {stage: layer + 1 for stage, layer in sorted(map(_order, filter(_parts, shapes)))}
    position, places = int(from_image), {}
    for stage in range(stages):
        for layer in range(layers[stage]):
            prefix = f"Model.MainLayers.{stage}.Layers.{layer}."
            changes = f"{prefix}LinearLayer.Layer.weight" in shapes
            transition = layer == (layers[stage] - 1 if from_image else 0)
            if transition and stage == (stages - 1 if from_image else 0):
                places[prefix], position = position, position + 1  # the basis
            elif transition:  # a change of channels and a resampling, in this order in a generator
                places[prefix], position = position + from_image, position + 1 + changes
            else:
                places[prefix], position = position, position + 1
    ends = {"Model.AggregationLayer.Layer.weight": f"layers.{position}.weight"}
    ends |= {"Model.ExtractionLayer.Layer.weight": "layers.0.weight", "Model.EmbeddingLayer.weight": "embedding.weight"}
    for name in shapes:
        match = _LAYER.fullmatch(name)
        if name in ends:
            yield name, ends[name]
        elif match is None:
            yield name, name
        elif not name.endswith("Resampler.Kernel"):
            yield name, _layer_name(match, places[name[: match.start(3)]], from_image)


def _layer_name(match: re.Match[str], place: int, from_image: bool) -> str:
    part = match[3]
    if part == "LinearLayer.weight" and from_image:
        return "head.weight"
    own = {
        "Basis": "basis", "Basis.weight": "weight", "LinearLayer.weight": "linear.weight",
        "LinearLayer.Layer.weight": "weight",
    }  # fmt: skip
    return f"layers.{place}.{_RESIDUAL.get(part) or own.get(part, part)}"


def _parts(name: str) -> tuple[str, ...]:
    match = _LAYER.fullmatch(name)
    return match.groups() if match else ()


def _order(name: str) -> tuple[int, int]:
    stage, layer, _ = _parts(name)
    return int(stage), int(layer)
