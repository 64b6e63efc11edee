"""Pickles of the form that the authors' code of StyleGAN2-ADA, StyleGAN3 and R3GAN writes, made of our own networks."""

import pickle
import re
import sys
import types

import torch
from torch import nn

from gan_experiments.networks.resample import Filter
from gan_experiments.networks.stylegan3 import bands

LAYER = {
    "convolution.weight": "weight", "convolution.style.weight": "affine.weight",
    "convolution.style.bias": "affine.bias", "bias": "bias", "strength": "noise_strength", "noise": "noise_const",
}  # fmt: skip
ENDS = {"convolution": "conv", "hidden": "fc", "head": "out", "from_image": "fromrgb"}
BLOCK = {"from_image": "fromrgb", "first": "conv0", "second": "conv1", "shortcut": "skip"}
RESIDUAL = {
    "expand.weight": "LinearLayer1.Layer.weight", "expand.bias": "NonLinearity1.Bias",
    "grouped.weight": "LinearLayer2.Layer.weight", "grouped.bias": "NonLinearity2.Bias",
    "reduce.weight": "LinearLayer3.Layer.weight",
}  # fmt: skip


class Plain(nn.Module):
    """A module that is pickled as any object is: class and attributes."""


class Persistent(nn.Module):
    """A module that is pickled with its source, which must not be run."""

    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": "Part"}
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, ({**meta, "state": self.__dict__},)


def write(path, networks):
    """Write a snapshot: the networks by their keys, and what else there is in one."""
    module = types.ModuleType("torch_utils.persistence")
    exec("def _reconstruct_persistent_obj(meta): raise SystemExit", module.__dict__)
    module._reconstruct_persistent_obj.__module__ = module.__name__
    known = {"torch_utils": types.ModuleType("torch_utils"), module.__name__: module}
    sys.modules |= known
    try:
        path.write_bytes(pickle.dumps({**networks, "augment_pipe": None, "training_set_kwargs": {"path": "x.zip"}}))
    finally:
        for name in known:
            del sys.modules[name]
    return path


def tree(kind, weights, **attributes):
    """Return modules in modules with weights by dotted name; ``attributes`` are those of every module."""
    root = kind()
    for name, value in weights.items():
        *parts, last = name.split(".")
        module = root
        for part in parts:
            if part not in module._modules:
                module.add_module(part, kind())
            module = module._modules[part]
        if last in ("w_avg", "noise_const", "resample_filter", "Kernel"):
            module.register_buffer(last, value)
        else:
            module.register_parameter(last, nn.Parameter(value, requires_grad=False))
    for module in root.modules():
        module.__dict__ |= attributes
    return root


def stylegan2_generator(network):
    weights = {"synthesis.b8.conv0.resample_filter": Filter().kernel}
    for name, value in network.state_dict().items():
        match = re.fullmatch(r"blocks\.(\d+)\.(layers\.(\d+)|to_image|shortcut)\.(.+)", name)
        if match is None:
            ends = {"average": "mapping.w_avg", "constant": "synthesis.b4.const"}
            there = ends.get(name) or _of_mapping(name)
        else:
            index = int(match[1])
            part = {"to_image": "torgb", "shortcut": "skip"}.get(match[2]) or f"conv{1 if not index else match[3]}"
            there = f"synthesis.b{4 * 2**index}.{part}.{LAYER.get(match[4], match[4])}"
        small = there.endswith(("const", "noise_const"))
        weights[there] = (value.squeeze() if "noise_const" in there else value[0]) if small else value
    return tree(Persistent, weights, bias_gain=network.mapping_network.layers[0].lr_multiplier, activation="lrelu")


def stylegan2_discriminator(network, size):
    weights = {}
    for name, value in network.state_dict().items():
        match = re.fullmatch(r"blocks\.(\d+)\.(\w+)\.(\w+)", name)
        if name.startswith("mapping"):
            there = _of_mapping(name)
        elif match:
            there = f"b{size // 2 ** int(match[1])}.{BLOCK[match[2]]}.{match[3]}"
        else:
            there = f"b4.{ENDS[name.partition('.')[0]]}.{name.partition('.')[2]}"
        weights[there] = value
    root = tree(Persistent, weights, bias_gain=0.01, activation="lrelu")
    root.b4.add_module("mbstd", tree(Persistent, {}, group_size=network.deviation.group_size))
    return root


def stylegan3_generator(network, channels, most):
    """Names of layers say their number, size and channels."""
    plan = bands(network.facts.height, len(network.layers) - 1, channels, most)
    names, weights = [], {"synthesis.input.transform": torch.eye(3)}
    for index, layer in enumerate(network.layers):
        last = layer is network.layers[-1]
        filtered = None if last else layer.nonlinearity
        width = len(layer.to_image.bias if last else layer.bias)
        names.append(f"synthesis.L{index}_{network.facts.height if last else plan[index].size}_{width}")
        if filtered is not None:
            weights |= {f"{names[-1]}.up_filter": filtered.up_filter, f"{names[-1]}.down_filter": filtered.down_filter}
    for name, value in network.state_dict().items():
        match = re.fullmatch(r"layers\.(\d+)\.(to_image\.)?(.+)", name)
        if match:
            there = f"{names[int(match[1])]}.{LAYER.get(match[3], 'magnitude_ema')}"
        elif name.startswith("input."):
            there = f"synthesis.{name.replace('frequencies', 'freqs')}"
        else:
            there = "mapping.w_avg" if name == "average" else _of_mapping(name)
        weights[there] = value
    scales = {"bias_gain": network.mapping_network.layers[0].lr_multiplier, "output_scale": 0.25}
    decay = network.layers[0].magnitude.decay ** 2
    return tree(Persistent, weights, **scales, activation="lrelu", magnitude_ema_beta=decay)


def r3gan(network, from_image, stages, blocks):
    """Count the layers of our sequence into stages; in a generator a stage begins with its change of size."""
    state, weights = network.state_dict(), {}
    position = int(from_image)
    for stage in range(stages):
        of_blocks = range(blocks) if from_image else range(1, blocks + 1)
        ends_here = (stage == stages - 1) if from_image else stage == 0
        order = [*of_blocks, blocks] if from_image else [0, *of_blocks]
        for layer in order:
            there = f"Model.MainLayers.{stage}.Layers.{layer}."
            if layer in of_blocks:
                for ours, theirs in RESIDUAL.items():
                    weights[there + theirs] = state[f"layers.{position}.{ours}"]
                position += 1
            elif ends_here:
                if from_image:
                    weights[f"{there}Basis.weight"] = state[f"layers.{position}.weight"]
                    weights[f"{there}LinearLayer.weight"] = state["head.weight"]
                else:
                    weights[f"{there}Basis"] = state[f"layers.{position}.basis"][0]
                    weights[f"{there}LinearLayer.weight"] = state[f"layers.{position}.linear.weight"]
                position += 1
            else:
                weights[f"{there}Resampler.Kernel"] = Filter().kernel
                change = position + from_image
                if f"layers.{change}.weight" in state:
                    weights[f"{there}LinearLayer.Layer.weight"] = state[f"layers.{change}.weight"]
                    position += 1
                position += 1
    end = "ExtractionLayer" if from_image else "AggregationLayer"
    weights[f"Model.{end}.Layer.weight"] = state["layers.0.weight" if from_image else f"layers.{position}.weight"]
    if "embedding.weight" in state:
        weights["Model.EmbeddingLayer.weight"] = state["embedding.weight"].T.contiguous()
    return tree(Plain, weights)


def _of_mapping(name):
    name = name.replace("mapping_network.embedding.", "mapping.embed.")
    return re.sub(r"mapping_network\.layers\.(\d+)\.", r"mapping.fc\1.", name)


def scrambled(network):
    """Give every weight and buffer of a network a value of its own."""
    stream = torch.Generator().manual_seed(1)
    for value in network.state_dict().values():
        value.copy_(torch.randn(value.shape, generator=stream) * 0.5)
    return network.eval().requires_grad_(False)
