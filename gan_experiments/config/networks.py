"""Whether the networks fit the data and each other, as far as that is known before the data is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gan_experiments.config.signatures import ClassSource
from gan_experiments.config.validation import Validation

Finding = tuple[str, str]  # a key, and what about it
_ARGUMENTS = {"generator": "conditional", "discriminator": "conditioning"}  # what makes a network conditional
_OPTION = "conditioning=..., and conditioning=none takes it away"


def sizes(found: Validation) -> Iterator[Finding]:
    """Refuse images of a size that a network cannot make or take, and name those that it can."""
    dataset, size = found.components.get("dataset"), image_size(found)
    if dataset is None or size is None:
        return
    for key in ("model.generator", "model.discriminator"):
        network = found.components.get(key)
        fitting = network.attribute("image_sizes") if network else None
        if network and fitting and size not in fitting:
            listed = ", ".join(map(str, fitting))
            hint = "; dataset.image_size sets it" if found.get("dataset.image_size") else ""
            yield key, f"{network.name} is for images of {listed} pixels; {dataset.name} has {size}{hint}"


def image_size(found: Validation) -> int | None:
    """Return the size of the images, if the config or the class of the dataset says it."""
    dataset = found.components.get("dataset")
    size = found.get("dataset.image_size") or (dataset.keywords("known").get("image_size") if dataset else None)
    return size if isinstance(size, int) else None


def labels(found: Validation) -> Iterator[Finding]:
    """Refuse conditional networks on images that carry no labels."""
    dataset = found.components.get("dataset")
    if dataset is None or not dataset.complete:
        return
    bare_splits = dataset.attribute("splits_without_labels", ())
    if dataset.attribute("has_labels", True) and found.get("dataset.split") not in bare_splits:
        return
    for network, argument in _ARGUMENTS.items():
        if _is_conditional(found, network):
            yield (
                f"model.{network}.{argument}",
                f"the images of {dataset.name} carry no labels (take conditioning=none)",
            )


def one_conditional(found: Validation) -> Iterator[Finding]:
    """Refuse a class that only one of the networks knows of."""
    conditional = {network: _is_conditional(found, network) for network in _ARGUMENTS}
    if set(conditional.values()) == {True, False}:
        network = "generator" if conditional["generator"] else "discriminator"
        other = "discriminator" if conditional["generator"] else "generator"
        yield f"model.{network}.{_ARGUMENTS[network]}", f"the {other} knows nothing of classes; set both, by {_OPTION}"


def class_heads(found: Validation) -> Iterator[Finding]:
    """Refuse a class head that no penalty trains, and a penalty that finds none to train."""
    conditioning = _value(found, "discriminator")
    trained: dict[str, ClassSource] = {
        key: source for key, source in found.components.items()
        if key.startswith("penalty.") and key.count(".") == 1 and source.attribute("trains", "")
    }  # fmt: skip
    for key, source in trained.items():
        wanted = source.attribute("trains", "")
        if conditioning is not None and wanted != conditioning:
            text = f"{source.name} trains a head that model.discriminator.conditioning={wanted} has, not {conditioning}"
            yield key, f"{text}; conditioning={source.name.lower()} sets both"
        elif found.get("model.unroll_steps"):
            yield "model.unroll_steps", f"{source.name} sees no features of an unrolled discriminator; take 0"
    needs = {"classifier": "conditioning=acgan", "contrastive": "conditioning=contragan or conditioning=reacgan"}
    if conditioning in needs and not trained:
        yield "model.discriminator.conditioning", f"nothing trains the {conditioning} head; take {needs[conditioning]}"


def _is_conditional(found: Validation, network: str) -> bool | None:
    """Tell whether a network uses labels; ``None`` if its source does not say."""
    source, value = found.components.get(f"model.{network}"), _value(found, network)
    if source is None:
        return None
    if value is not None:
        return value not in (False, "none")
    known = source.attribute("conditional")
    return known if isinstance(known, bool) and _ARGUMENTS[network] not in source.signature.parameters else None


def _value(found: Validation, network: str) -> Any:
    return found.get(f"model.{network}.{_ARGUMENTS[network]}")
