"""Helpers of the components' ``check``: what the rest of the config means for a component."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.types import ConfigError, DataFacts

LARGE_MODELS, LARGE_SIZES = ("model=r3gan", "model=stylegan2"), (128, 256, 512, 1024)  # that they support, in pixels
GENERATOR, DISCRIMINATOR = "model.generator", "model.discriminator"
_CONDITIONING_OPTIONS = ("conditional", "conditioning")  # either makes a network use labels


def option(config: ConfigView, key: str, name: str) -> Any:
    """Return the value of option ``name`` of the component at ``key``: as given, else its constructor's default.

    ``None`` if the value is refused, or the component is not known or has no such option.
    """
    if name in _given(config, key):
        return config.get(f"{key}.{name}")
    component = config.component(key)
    parameter = inspect.signature(component).parameters.get(name) if component else None
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def image_sides(config: ConfigView) -> tuple[int, int] | None:
    """Return height and width of the dataset's images, if the config or the dataset's class gives them."""
    size = option(config, "dataset", "image_size")
    if size is None and not _given(config, "dataset").get("image_size"):
        size = getattr(getattr(config.component("dataset"), "known", None), "image_size", None)
    match size:
        case int():
            return size, size
        case [int() as height, int() as width]:
            return height, width
    return None


def image_size(config: ConfigView) -> int | None:
    """Return the shorter side of the dataset's images, if the config or the dataset's class gives their size."""
    sides = image_sides(config)
    return min(sides) if sides else None


def check_image_size(key: str, fitting: tuple[int, ...] | None, config: ConfigView) -> Iterator[Problem]:
    """Refuse a dataset whose images have another shorter side than one of ``fitting``, or do not fit as rectangles.

    ``None`` fits all.
    """
    dataset, sides, network = config.component("dataset"), image_sides(config), config.component(key)
    if dataset is None or network is None or sides is None:
        return
    size = min(sides)
    if fitting is None or size in fitting:
        text = unfit_rectangle(network, *sides)
        yield from [Problem(key, text)] if text else []
        return
    listed = ", ".join(map(str, fitting))
    hint = "; set dataset.image_size" if config.get("dataset.image_size") else ""
    if size in LARGE_SIZES:
        hint += f"{' or' if hint else ';'} take a model of large images: {' or '.join(LARGE_MODELS)}"
    yield Problem(key, f"{network.__name__} supports image sizes {listed}; {dataset.__name__} has {size}{hint}")


def unfit_rectangle(network: type, height: int, width: int) -> str:
    """Return why images of this size do not fit a network, by its ``side_multiple``; empty for those that do."""
    shorter, longer = sorted((height, width))
    multiple = getattr(network, "side_multiple", None)
    if isinstance(multiple, Mapping):
        multiple = multiple.get(shorter)
    if shorter == longer or (multiple and longer % multiple == 0):
        return ""
    name = network.__name__
    if multiple is None:
        return f"{name} takes square images only, not {height} x {width} pixels (height x width)"
    need = f"{name} takes rectangles whose longer side is a multiple of {multiple} where the shorter one is {shorter}"
    return f"{need}, not {height} x {width} pixels (height x width)"


def refuse_rectangle(network: type, facts: DataFacts) -> None:
    """Refuse images that a network does not fit by its ``side_multiple``.

    Raises:
        ConfigError: Says which sizes it takes.
    """
    text = unfit_rectangle(network, facts.height, facts.width)
    if text:
        raise ConfigError(f"model: {text}")


def conditioning_option(config: ConfigView, key: str) -> tuple[str, bool | None]:
    """Return which option makes the network at ``key`` use labels, and whether it does; ``None`` if unknown.

    The key of the network itself stands for the option of a network that has none: its class attribute says it.
    """
    network = config.component(key)
    if network is None:
        return key, None
    for name in _CONDITIONING_OPTIONS:
        if name in _given(config, key) or name in inspect.signature(network).parameters:
            value = option(config, key, name)
            return f"{key}.{name}", None if value is None else value not in (False, "none")
    return key, getattr(network, "conditional", None)


def check_labels(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse a conditional network for images without labels, or with a network that ignores them."""
    where, conditional = conditioning_option(config, key)
    if not conditional:
        return
    dataset = config.component("dataset")
    if dataset is not None and not _has_labels(dataset, config):
        yield Problem(where, f"{dataset.__name__} has no labels; set conditioning=none")
    other = DISCRIMINATOR if key == GENERATOR else GENERATOR
    other_option, other_conditional = conditioning_option(config, other)
    if other_conditional is False:
        hint = f"set {other_option} too (conditioning=... sets both), or conditioning=none"
        yield Problem(where, f"{other} is not conditional, but both networks must be: {hint}")


def check_packing(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse packs of images of different classes, and a batch that a process cannot divide into packs."""
    packing, batch_size = option(config, key, "packing"), config.get("batch_size")
    if not isinstance(packing, int) or packing == 1:
        return
    where, conditional = conditioning_option(config, key)
    if conditional:
        yield Problem(f"{key}.packing", f"{packing} images of different classes have no common label; set {where}=none")
    processes = [config.get(f"trainer.{name}") for name in ("devices", "num_nodes")]
    share = packing * (prod(processes) if all(isinstance(count, int) for count in processes) else 1)
    if isinstance(batch_size, int) and batch_size % share:
        fits = [count for count in (batch_size // share * share, (batch_size // share + 1) * share) if count]
        text = f"{batch_size} images are no whole number of packs of {packing} in each process"
        yield Problem("batch_size", f"{text}; {' and '.join(map(str, fits))} {'are' if len(fits) > 1 else 'is'}")


def check_gradients_of_samples(
    key: str, instead: str, config: ConfigView, value: str | None = None
) -> Iterator[Problem]:
    """Warn of an option that makes images of a batch depend on each other, with a penalty on the gradient of each.

    ``value`` says what does; by default the value of the option.
    """
    value = value or option(config, *key.rpartition(".")[::2])
    for name, penalty in config.components("penalty").items():
        if getattr(penalty, "needs_per_sample_gradients", False):
            reason = "the gradient at an image then depends on the other images of the batch"
            yield Problem(key, f"{value!r} with penalty.{name}: {reason}; take {instead}", warning=True)


def check_class_head(key: str, trains: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse a discriminator without the class head, named by its ``conditioning``, that the penalty at ``key`` trains.

    A discriminator without an option ``conditioning`` names its head in a class attribute.
    """
    penalty, discriminator = config.component(key), config.component(DISCRIMINATOR)
    if not trains or penalty is None or discriminator is None:
        return
    value = option(config, DISCRIMINATOR, "conditioning")
    has_option = value is not None or "conditioning" in _given(config, DISCRIMINATOR)
    if not has_option:
        value = getattr(discriminator, "conditioning", "none")
    if value not in (None, trains):
        text = f"{penalty.__name__} trains the class head of a discriminator with conditioning={trains}"
        hint = f"; set {DISCRIMINATOR}.conditioning={trains} and {GENERATOR}.conditional=true" if has_option else ""
        yield Problem(key, f"{text}; that of {discriminator.__name__} is {value}{hint}")


def check_colours(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse images that are neither grey nor RGB for a component that takes no others."""
    dataset, component = config.component("dataset"), config.component(key)
    given = [option(config, "dataset", name) for name in ("channels", "channels_b")]
    channels = next((each for each in given if isinstance(each, int)), 3)
    if component is not None and dataset is not None and channels not in (1, 3):
        have = f"those of {dataset.__name__} have {channels} channels"
        yield Problem(key, f"{component.__name__} takes grey and RGB images only; {have}")


def check_within_image(key: str, name: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse a shift by as many pixels as the images have, or more."""
    shift, size = option(config, key, name), image_size(config)
    if isinstance(shift, int) and size is not None and shift >= size:
        yield Problem(f"{key}.{name}", f"{shift} pixels are not less than the {size} of an image")


def check_within_run(
    key: str, name: str, effect: str, config: ConfigView, steps: bool = False, always: bool = False
) -> Iterator[Problem]:
    """Warn of an option that lies beyond the end of the run, and say what that does.

    Args:
        key: A component, or a section of the config.
        name: Its option, which counts images seen.
        effect: What the option does then.
        config: The whole.
        steps: Whether it counts discriminator steps instead.
        always: Warn of the constructor's default, too: without it, a short run gets no warnings of what nobody set.
    """
    value, component = option(config, key, name), config.component(key)
    budget, batch_size = config.get("budget.images"), config.get("batch_size" if steps else "", 1)
    parameter = inspect.signature(component).parameters.get(name) if component and not always else None
    default = parameter.default if parameter else None
    if value == default or not all(isinstance(number, int) for number in (value, budget, batch_size)):
        return
    last = -(-budget // batch_size)
    if value > last:
        text = f"{value:,} {'steps' if steps else 'images'} are more than the {last:,} of the run: {effect}"
        yield Problem(f"{key}.{name}", text, warning=True)


def check_kind(key: str, kind: str, config: ConfigView) -> Iterator[Problem]:
    """Warn of several penalties of one kind; the first of them says it."""
    same = [name for name, other in config.components("penalty").items() if getattr(other, "kind", "") == kind]
    if kind and len(same) > 1 and key == f"penalty.{same[0]}":
        text = f"{' and '.join(same)} are of the same kind ({kind}); usually only one of them is wanted"
        yield Problem("penalty", text, warning=True)


def check_several_processes(key: str, config: ConfigView) -> Iterator[Problem]:
    """Warn that a component that compares the images of a batch sees only each process's part of it."""
    devices, nodes, component = config.get("trainer.devices"), config.get("trainer.num_nodes"), config.component(key)
    if (
        devices is not None
        and (devices != 1 or nodes != 1)
        and component
        and getattr(component, "couples_batch", False)
        and not getattr(component, "gathers_batch", False)
    ):
        text = f"{component.__name__} compares the images of a batch; each process compares only those of its own part"
        yield Problem(key, text, warning=True)


def check_translator(key: str, need: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse a component that has a ``need`` which systems of translators do not meet; empty: it has none."""
    system, component = config.component("model"), config.component(key)
    if need and component is not None and getattr(system, "translates", False):
        yield Problem(key, f"{component.__name__} needs {need}, which {system.__name__} has not; leave it out")  # type: ignore[union-attr]


def _has_labels(dataset: type, config: ConfigView) -> bool:
    unlabelled = getattr(dataset, "splits_without_labels", ())
    return getattr(dataset, "has_labels", True) and option(config, "dataset", "split") not in unlabelled


def _given(config: ConfigView, key: str) -> Mapping[str, Any]:
    """Return the options that the config gives the component at ``key``."""
    options = config.get(key)
    return options if isinstance(options, Mapping) else {}
