"""Helpers of the components' ``check``: what the rest of the config means for a component."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from gan_experiments.core.checks import ConfigView, Problem

GENERATOR, DISCRIMINATOR = "model.generator", "model.discriminator"


def option(config: ConfigView, key: str, name: str) -> Any:
    """Return the value of option ``name`` of the component at ``key``: as given, else its constructor's default.

    ``None`` if the value is refused, or the component is not known or has no such option.
    """
    if name in given_options(config, key):
        return config.get(f"{key}.{name}")
    component = config.component(key)
    parameter = inspect.signature(component).parameters.get(name) if component else None
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def image_sides(config: ConfigView) -> tuple[int, int] | None:
    """Return height and width of the dataset's images, if the config or the dataset's class gives them."""
    size = option(config, "dataset", "image_size")
    if size is None and not given_options(config, "dataset").get("image_size"):
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


def check_longer_than_a_step(key: str, config: ConfigView) -> Iterator[Problem]:
    """Warn of an interval ``every`` that is shorter than a batch, as one meant in steps or epochs is."""
    every, batch_size = option(config, key, "every"), config.get("batch_size")
    if isinstance(every, int) and isinstance(batch_size, int) and every < batch_size:
        text = f"{every:,} images are less than a batch of {batch_size:,}: due in every step; intervals count images"
        yield Problem(f"{key}.every", text, warning=True)


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


def given_options(config: ConfigView, key: str) -> Mapping[str, Any]:
    """Return the options that the config gives the component at ``key``."""
    options = config.get(key)
    return options if isinstance(options, Mapping) else {}
