"""Rules that networks share: sizes of images, labels, packs, and penalties on the gradient of each sample."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from math import prod

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.rules import DISCRIMINATOR, GENERATOR, given_options, image_sides, option
from gan_experiments.core.types import ConfigError, DataFacts

LARGE_MODELS, LARGE_SIZES = ("model=r3gan", "model=stylegan2"), (128, 256, 512, 1024)  # that they support, in pixels
_CONDITIONING_OPTIONS = ("conditional", "conditioning")  # either makes a network use labels


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
    hint = "; set dataset.image_size" if config.get("dataset.image_size") else ""
    if size in LARGE_SIZES:
        hint += f"{' or' if hint else ';'} take a model of large images: {' or '.join(LARGE_MODELS)}"
    yield Problem(key, f"{_supported(network, fitting)}; {dataset.__name__} has {size}{hint}")


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


def refuse_size(network: type, facts: DataFacts) -> None:
    """Refuse images that a network does not fit by its ``image_sizes`` or its ``side_multiple``.

    Raises:
        ConfigError: Says which sizes it takes.
    """
    size, fitting = facts.shorter_side, getattr(network, "image_sizes", None)
    text = unfit_rectangle(network, facts.height, facts.width)
    if fitting is not None and size not in fitting:
        hint = "; for points take model=mlp metrics=known_distribution" if facts.image_size == 1 else ""
        text = f"{_supported(network, fitting)}; {facts.name} has {size}{hint}"
    if text:
        raise ConfigError(f"model: {text}")


def _supported(network: type, sizes: tuple[int, ...]) -> str:
    return f"{network.__name__} supports image sizes {', '.join(map(str, sizes))}"


def conditioning_option(config: ConfigView, key: str) -> tuple[str, bool | None]:
    """Return which option makes the network at ``key`` use labels, and whether it does; ``None`` if unknown.

    The key of the network itself stands for the option of a network that has none: its class attribute says it.
    """
    network = config.component(key)
    if network is None:
        return key, None
    for name in _CONDITIONING_OPTIONS:
        if name in given_options(config, key) or name in inspect.signature(network).parameters:
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


def largest_group(images: int, most: int) -> int:
    """Return the largest number of images, at most ``most``, that divides a batch into groups."""
    return next(size for size in range(min(most, images), 0, -1) if images % size == 0)


def check_groups(key: str, most: int, config: ConfigView) -> Iterator[Problem]:
    """Warn where processes divide their parts of a batch into other groups than one process would the whole."""
    packing = option(config, key.rpartition(".")[0], "packing") or 1
    counts = [config.get(name) for name in ("batch_size", "trainer.devices", "trainer.num_nodes")]
    if not all(isinstance(count, int) and count for count in (packing, most, *counts)):
        return
    processes, packs = prod(counts[1:]), counts[0] // packing
    own, whole = (largest_group(count, most) if count else 0 for count in (packs // processes, packs))
    if own and own != whole:
        text = f"the standard deviation is that of groups of {packing * own} images, with one of {packing * whole}"
        fits = f"it is the same for a batch_size that is a multiple of {packing * most * processes}"
        yield Problem(key, f"with {processes} processes {text}; {fits}", warning=True)


def _has_labels(dataset: type, config: ConfigView) -> bool:
    unlabelled = getattr(dataset, "splits_without_labels", ())
    return getattr(dataset, "has_labels", True) and option(config, "dataset", "split") not in unlabelled
