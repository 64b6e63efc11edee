"""The BigGAN-deep generator of pytorch_pretrained_biggan (Brock et al. 2019): options and names of weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from gan_experiments.core.types import DataFacts
from gan_experiments.runs.foreign.pickles import PickleError
from gan_experiments.runs.foreign.state_dicts import State, folded, same_epsilon

_ATTENTION = {
    "snconv1x1_theta": "query", "snconv1x1_phi": "key", "snconv1x1_g": "value", "snconv1x1_o_conv": "out",
    "gamma": "gate",
}  # fmt: skip
_ENDS = {"gen_z": "project", "bn": "last.0", "conv_to_rgb": "last.2"}
_NORM = {"scale": "gain", "offset": "shift"}
_START = 4  # pixels of the first feature map
COLOURS = 3


def read_biggan_deep(roles: Mapping[str, State]) -> tuple[list[str], DataFacts, dict[str, State]]:
    """Return the options of our networks, the facts of the images, and the weights of the generator by our names.

    Weights are divided by their largest singular values once and for all: there these are of all channels of the last
    layer, of which three make an image.

    Raises:
        PickleError: The generator has another form.
    """
    state = _plain(folded(roles["generator"]))
    table, project = state.get("embeddings.weight"), state.get("generator.gen_z.weight")
    if table is None or project is None or table.dim() != 2 or project.dim() != 2:
        raise PickleError("of a BigGAN-deep without its first layers")
    embedding_dim, classes = table.shape
    layers = sorted({int(match[1]) for name in state if (match := re.match(r"generator\.layers\.(\d+)\.", name))})
    attends = [layer for layer in layers if f"generator.layers.{layer}.gamma" in state]
    doublings = (len(layers) - len(attends)) // 2
    share = doublings - attends[0] // 2 if attends else 0
    facts = DataFacts("imported", _START * 2**doublings, COLOURS, classes)
    options = {
        "latent_dim": project.shape[1] - embedding_dim, "embedding_dim": embedding_dim,
        "channels": len(project) // (16 * _START**2), "attention": {1: "half", 2: "quarter"}.get(share, "none"),
        "spectral_norm": False,
    }  # fmt: skip
    overrides = ["model=biggan_deep", *(f"model.generator.{key}={value}" for key, value in options.items())]
    overrides += [f"model.discriminator.channels={options['channels']}", "conditioning=projection"]
    weights = {_name(name): _value(name, value, embedding_dim) for name, value in state.items()}
    return overrides, facts, {"generator": weights}


def _plain(state: State) -> State:
    """Return the state with the statistics without truncation, the last of those for several truncations."""
    for name in [name for name in state if name.endswith(("running_means", "running_vars"))]:
        state[name.removesuffix("s")] = state.pop(name)[-1]
        state[f"{name.rpartition('.')[0]}.num_batches_tracked"] = torch.tensor(0)
    return same_epsilon(state)


def _name(name: str) -> str:
    if name == "embeddings.weight":
        return "embedding.weight"
    match = re.fullmatch(r"generator\.layers\.(\d+)\.(\w+)\.?(.*)", name)
    if match is None:
        part, _, rest = name.removeprefix("generator.").partition(".")
        return f"{_ENDS.get(part, part)}.{rest}"
    part, rest = match[2], match[3]
    if inner := re.fullmatch(r"(bn|conv)_(\d)", part):
        part = f"{'norms' if inner[1] == 'bn' else 'convolutions'}.{inner[2]}"
        head, _, tail = rest.partition(".")
        rest = f"{_NORM[head]}.{tail}" if head in _NORM else rest
    return f"blocks.{match[1]}.{_ATTENTION.get(part, part)}.{rest}".rstrip(".")


def _value(name: str, value: Tensor, embedding_dim: int) -> Tensor:
    """Return a weight as it is here: the class before the latent, and channels before height and width."""
    if name == "embeddings.weight":
        return value.T
    if name.startswith("generator.conv_to_rgb."):
        return value[:COLOURS]
    if re.search(r"(gen_z|scale|offset)\.weight$", name):
        value = value.roll(embedding_dim, dims=1)
    if name.startswith("generator.gen_z."):
        value = value.reshape(_START * _START, -1, *value.shape[1:]).transpose(0, 1).flatten(0, 1)
    return value
