"""State dicts of the form that StudioGAN, torchgan and pytorch_pretrained_biggan write, made of our own networks."""

import re

import torch

from gan_experiments.networks.residual import ResidualGenerator

EPSILON = 1e-4 - 1e-5  # of batch normalization there, less ours
ATTENTION = {"query": "theta", "key": "phi", "value": "g", "out": "attn"}
PARTS = {"norm1": "bn1", "norm2": "bn2", "shortcut": "conv2d0", "conv1": "conv2d1", "conv2": "conv2d2"}
ENDS = {
    "decoder.project.0": "linear0", "decoder.last.0": "bn4", "decoder.last.2": "conv2d5", "embedding": "shared",
    "head": "linear1", "projection": "embedding", "class_head.embed": "linear2", "class_head.proxies": "embedding",
    "class_head": "linear2",
}  # fmt: skip


def old_spectral(state):
    """Return a state dict with the names of torch's older spectral normalization, and variances for its epsilon."""
    names = {".parametrizations.weight.original": ".weight_orig", ".parametrizations.weight.0._": ".weight_"}
    result = {}
    for name, value in state.items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        result[name] = value - EPSILON if name.endswith("running_var") else value.clone()
    return result


def studiogan(network, attention=None):
    """Return the state dict of a residual network there; ``attention``: what follows that many blocks."""
    result = {}
    for name, value in old_spectral(network.state_dict()).items():
        match = re.fullmatch(r"(decoder\.blocks|decoder\.attention|layers)\.(\d+)\.(\w+)\.?(.*)", name)
        if match is None:
            end = max((end for end in ENDS if name.startswith(f"{end}.")), key=len)
            result[name.replace(end, ENDS[end], 1)] = value
            continue
        kind, place, part, rest = match[1], int(match[2]), match[3], match[4]
        later = kind == "decoder.blocks" and attention is not None and place >= attention
        part = {**PARTS, **{ours: f"conv1x1_{theirs}" for ours, theirs in ATTENTION.items()}, "gate": "sigma"}[part]
        if part.startswith("bn") and "gain" not in rest and "shift" not in rest and network.conditional:
            rest = f"bn.{rest}"
        if isinstance(network, ResidualGenerator) and ("gain" in rest or "shift" in rest):
            value = value.T.contiguous()
        there = f"blocks.{place + later}.0.{part}.{rest}".rstrip(".").replace("shift.", "bias.")
        result[there] = value
    return result


def with_spectral_tables(state):
    """Give each class-wise gain and shift vectors whose singular value is 3, and the weight that it is divided from."""
    for name in [name for name in state if re.search(r"bn\d\.(gain|bias)\.weight$", name)]:
        value = state.pop(name)
        state[f"{name}_orig"], state[f"{name}_u"] = value * 3, torch.eye(len(value))[0]
        state[f"{name}_v"] = torch.eye(value.shape[1])[0] / value[0, 0]
    return state


def studiogan_dcgan(network):
    """Return the state dict of a convolutional network there, whose head sees sums of feature maps."""
    last = max(int(match[1]) for name in network.state_dict() if (match := re.match(r"layers\.(\d+)\.", name)))
    result = {}
    for name, value in network.state_dict().items():
        part, _, rest = name.rpartition(".")
        value = value - EPSILON if rest == "running_var" else value
        place = int(part.removeprefix("layers.")) if part != "head" else None
        if part == "head":
            there, value = "linear1", value[:, ::16] if rest == "weight" else value
        elif hasattr(network, "latent_dim"):
            inner = ("deconv0", "bn0")[(place - 2) % 3]
            there = {0: "linear0", last: "conv4"}.get(place, f"blocks.{(place - 2) // 3}.0.{inner}")
        else:
            inner = {0: "conv0", 1: "bn0", 3: "conv1", 4: "bn1"}.get(place % 6)
            there = {last - 1: "conv1", last: "bn1"}.get(place, f"blocks.{place // 6}.0.{inner}")
        result[f"{there}.{rest}"] = value
    return result


def torchgan(network, step):
    """Return the state dict of a DCGAN of torchgan; ``step``: our layers for one of theirs."""
    generates, result = hasattr(network, "latent_dim"), {}
    for name, value in network.state_dict().items():
        part, _, rest = name.rpartition(".")
        if part == "head":
            result[f"disc.0.{rest}"] = value.unflatten(1, (-1, 4, 4)) if rest == "weight" else value
            continue
        place = int(part.removeprefix("layers."))
        if generates:
            layer, inner = (0, place) if place == 0 else divmod(place - 1, step)
            if place == 0:
                value = value.T.unflatten(1, (-1, 4, 4)) if rest == "weight" else value[::16]
        else:
            layer, inner = divmod(place + (step == 3 and place > 0), step)
        result[f"model.{layer}.{inner}.{rest}"] = value
    return result


def biggan_deep(network):
    """Return the state dict of a BigGAN-deep of pytorch_pretrained_biggan, its layers normalized by a value of 2."""
    result = {}
    for name, value in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        there, value = _deep_name(name), _deep_value(name, value, network.embedding.embedding_dim)
        if there.endswith("weight") and value.dim() > 1:
            result[f"{there}_orig"], result[f"{there}_u"] = value * 2, torch.eye(len(value))[0]
            result[f"{there}_v"] = torch.eye(value[0].numel())[0] / value.flatten(1)[0, 0]
        else:
            result[there] = value
    result["embeddings.weight"] = network.embedding.weight.T
    return {name: value for name, value in result.items() if not name.startswith("embeddings.weight_")}


def _deep_name(name):
    match = re.fullmatch(r"blocks\.(\d+)\.(\w+)\.?(.*)", name)
    plural = "s" if name.endswith(("running_mean", "running_var")) else ""
    if match is None:
        part, _, rest = name.rpartition(".")
        ends = {"project": "generator.gen_z", "last.0": "generator.bn", "last.2": "generator.conv_to_rgb"}
        return f"{ends.get(part, 'embeddings')}.{rest}{plural}"
    part, rest = match[2], match[3]
    if part in ("norms", "convolutions"):
        index, _, rest = rest.partition(".")
        part, rest = f"{'bn' if part == 'norms' else 'conv'}_{index}", rest.replace("gain", "scale")
    attention = {**{ours: f"snconv1x1_{theirs}" for ours, theirs in ATTENTION.items()}, "out": "snconv1x1_o_conv"}
    part, rest = {**attention, "gate": "gamma"}.get(part, part), rest.replace("shift", "offset")
    return f"generator.layers.{match[1]}.{part}.{rest}".rstrip(".") + plural


def _deep_value(name, value, embedding_dim):
    if re.search(r"(project|gain|shift)\.weight$", name):
        value = value.roll(-embedding_dim, dims=1)
    if name.startswith("project."):
        value = value.unflatten(0, (-1, 16)).transpose(0, 1).flatten(0, 1)
    if name.startswith("last.2."):  # as many colours as channels, of which three are used
        value = torch.cat([value, torch.ones_like(value)])
    if name.endswith(("running_mean", "running_var")):  # for each of several truncations
        value = torch.stack([torch.full_like(value, 9.0), value - EPSILON * name.endswith("running_var")])
    return value
