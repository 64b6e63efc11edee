"""Networks of StudioGAN (Kang et al. 2023): DCGAN, SNGAN, SAGAN and BigGAN: options and names of weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from gan_experiments.core.types import DataFacts
from gan_experiments.runs.foreign.pickles import PickleError
from gan_experiments.runs.foreign.state_dicts import State, folded, parametrized, same_epsilon

_BLOCK = re.compile(r"blocks\.(\d+)\.0\.(\w+)\.?(.*)")
_ENDS = {
    "linear0": "decoder.project.0", "bn4": "decoder.last.0", "conv2d5": "decoder.last.2", "shared": "embedding",
    "linear1": "head", "linear2": "class_head", "embedding": "projection",
}  # fmt: skip
_PARTS = {
    "bn1": "norm1", "bn2": "norm2", "conv2d0": "shortcut", "conv2d1": "conv1", "conv2d2": "conv2",
    "conv1x1_theta": "query", "conv1x1_phi": "key", "conv1x1_g": "value", "conv1x1_attn": "out", "sigma": "gate",
}  # fmt: skip
_TABLE = r"blocks\.\d+\.0\.bn\d\.(gain|bias)"  # of a normalization, linear in a one-hot class


def read_studiogan(roles: Mapping[str, State]) -> tuple[list[str], DataFacts, dict[str, State]]:
    """Return the options of our networks, the facts of the images, and the weights of each by our names.

    Raises:
        PickleError: The networks are none of these.
    """
    states = {role: same_epsilon(state) for role, state in roles.items()}
    generator = states.get("ema", states.get("generator"))
    if generator is None:
        raise PickleError("holds no generator")
    if "conv4.weight" in generator:
        return _dcgan(states, generator)
    if any(name.startswith("mapping.") for name in generator):
        raise PickleError("holds a StyleGAN of StudioGAN, which is not read")
    return _residual(states, generator)


def _residual(states: Mapping[str, State], generator: State) -> tuple[list[str], DataFacts, dict[str, State]]:
    places, attention = _places(generator)
    first, last = _of(generator, "linear0.weight"), _of(generator, "conv2d5.weight")
    size, width = 4 * 2 ** len(places), last.shape[1]
    gain = generator.get("blocks.0.0.bn1.gain.weight", generator.get("blocks.0.0.bn1.gain.weight_orig"))
    shared = generator.get("shared.weight")
    big = gain is not None and (shared is not None or gain.shape[1] == first.shape[1])
    classes = len(shared) if shared is not None else 0 if gain is None or big else gain.shape[1]
    facts = DataFacts(name="imported", image_size=size, channels=last.shape[0], num_classes=classes)
    options = {
        "latent_dim": first.shape[1] * (len(places) + 1) if big else first.shape[1],
        "channels": width // 4 if size <= 32 else width,
        "attention": {1: "half", 2: "quarter"}.get(len(places) - attention, "none") if attention else "none",
        "spectral_norm": "linear0.weight_orig" in generator,
    }
    options |= {"embedding_dim": shared.shape[1]} if big and shared is not None else {}
    overrides = [f"model={'biggan' if big else 'sngan'}", *(f"model.generator.{k}={v}" for k, v in options.items())]
    conditioning = "projection" if classes else "none"
    if "discriminator" in states:
        own, conditioning = _discriminator_options(states["discriminator"], size, classes)
        overrides += [f"model.discriminator.{key}={value}" for key, value in own.items()]
    overrides += [f"conditioning={conditioning}", f"model.generator.conditional={classes > 0}"]
    weights = {}
    for role, state in states.items():
        if role == "discriminator":
            weights[role] = {_discriminator_name(name, conditioning): value for name, value in state.items()}
        else:
            tables = state if big else _as_tables(state)
            weights[role] = {_generator_name(name, _places(state)[0]): value for name, value in tables.items()}
    return overrides, facts, weights


def _discriminator_options(state: State, size: int, classes: int) -> tuple[dict[str, object], str]:
    """Return the options of a residual discriminator, and how it uses classes."""
    width = _of(state, "blocks.0.0.conv2d1.weight").shape[0]
    _, attention = _places(state)
    options: dict[str, object] = {
        "channels": width // 2 if size <= 32 else width, "wide": True, "init": "orthogonal",
        "activated_shortcuts": True,  # activations in place change what shortcuts begin with there
        "attention": {1: "half", 2: "quarter"}.get(attention, "none"),
        "spectral_norm": "linear1.weight_orig" in state,
    }  # fmt: skip
    has_head, has_table = (any(name.startswith(f"{part}.") for name in state) for part in ("linear2", "embedding"))
    if has_head and has_table:
        return options, "contragan"
    if has_head:
        return options, "adcgan" if len(_of(state, "linear2.weight")) == 2 * classes else "acgan"
    return options, "projection" if has_table else "none"


def _places(state: State) -> tuple[dict[int, int], int]:
    """Return the number of each block without attention among them, and how many are before the first attention."""
    parts = sorted({int(match[1]) for name in state if (match := _BLOCK.match(name))})
    attends = [place for place in parts if f"blocks.{place}.0.sigma" in state]
    blocks = {place: index for index, place in enumerate(place for place in parts if place not in attends)}
    if not blocks:
        raise PickleError("of networks without blocks")
    return blocks, attends[0] if attends else 0


def _generator_name(name: str, places: Mapping[int, int]) -> str:
    match = _BLOCK.fullmatch(name)
    if match is None:
        part, _, rest = name.partition(".")
        return parametrized(f"{_ENDS.get(part, part)}.{rest}")
    place, part, rest = int(match[1]), match[2], match[3]
    if place not in places:
        return parametrized(f"decoder.attention.{place}.{_PARTS.get(part, part)}.{rest}".rstrip("."))
    rest = re.sub(r"^bias\.", "shift.", rest.removeprefix("bn."))
    return parametrized(f"decoder.blocks.{places[place]}.{_PARTS.get(part, part)}.{rest}")


def _discriminator_name(name: str, conditioning: str) -> str:
    match = _BLOCK.fullmatch(name)
    if match is not None:
        return parametrized(f"layers.{match[1]}.{_PARTS.get(match[2], match[2])}.{match[3]}".rstrip("."))
    part, _, rest = name.partition(".")
    if conditioning == "contragan":
        part = {"linear2": "class_head.embed", "embedding": "class_head.proxies"}.get(part, part)
    return parametrized(f"{_ENDS.get(part, part)}.{rest}")


def _as_tables(state: State) -> State:
    """Return gains and shifts, which are linear in a one-hot class there, as tables of a row for each class."""
    plain = folded(state, _TABLE)
    return {name: value.T if re.fullmatch(rf"{_TABLE}\.weight", name) else value for name, value in plain.items()}


def _dcgan(states: Mapping[str, State], generator: State) -> tuple[list[str], DataFacts, dict[str, State]]:
    """Return what is known of convolutional networks, of which ours are called ``sndcgan``."""
    blocks, first, last = len(_places(generator)[0]), _of(generator, "linear0.weight"), _of(generator, "conv4.weight")
    facts = DataFacts(name="imported", image_size=4 * 2**blocks, channels=last.shape[0], num_classes=0)
    overrides = ["model=sndcgan", f"model.generator.latent_dim={first.shape[1]}"]
    overrides += [f"model.generator.channels={last.shape[1]}"]
    if "discriminator" in states:
        critic = states["discriminator"]
        if "linear1.weight" not in critic:
            raise PickleError("of a DCGAN's discriminator with spectral normalization, of which there is none here")
        overrides += [f"model.discriminator.channels={_of(critic, 'blocks.0.0.conv0.weight').shape[0]}"]
        overrides += ["model.discriminator.norm=batch", "model.discriminator.slope=0"]
        overrides += ["model.discriminator.spectral_norm=false"]
        # The last feature map is added up there; here it is flattened, so each of its pixels has the same weight.
        critic["linear1.weight"] = critic["linear1.weight"].repeat_interleave(16, dim=1)
    weights = {}
    for role, state in states.items():
        critic_side = role == "discriminator"
        weights[role] = {_dcgan_name(name, blocks, critic_side): value for name, value in state.items()}
    return overrides, facts, weights


def _dcgan_name(name: str, blocks: int, from_image: bool) -> str:
    ends = {"linear0": "layers.0", "conv4": f"layers.{2 + 3 * blocks}"}
    if from_image:
        ends = {"conv1": f"layers.{6 * blocks}", "bn1": f"layers.{6 * blocks + 1}", "linear1": "head"}
    match = _BLOCK.fullmatch(name)
    if match is None:
        part, _, rest = name.partition(".")
        return f"{ends.get(part, part)}.{rest}"
    inner = {"conv0": 0, "bn0": 1, "conv1": 3, "bn1": 4} if from_image else {"deconv0": 2, "bn0": 3}
    if match[2] not in inner:
        return name
    return f"layers.{(6 if from_image else 3) * int(match[1]) + inner[match[2]]}.{match[3]}"


def _of(state: State, name: str) -> Tensor:
    """Return a weight by its name, be it normalized spectrally or not.

    Raises:
        PickleError: There is none.
    """
    value = state.get(name, state.get(f"{name}_orig"))
    if value is None or value.dim() < 2:
        raise PickleError(f"of networks without {name}: of a family that is not known")
    return value
