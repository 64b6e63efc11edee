"""Augmentations that follow the sign of the discriminator's outputs, and losses that give it no meaning."""

from __future__ import annotations

from collections.abc import Iterator

from gan_experiments.config.validation import Validation

_ADAPTIVE = "gan_experiments.augment.adaptive.Adaptive"
Finding = tuple[str, str]  # a key, and what about it


def signless_outputs(found: Validation) -> Iterator[Finding]:
    """Refuse to follow the sign of energies: it never changes."""
    loss = found.components.get("loss")
    if loss is not None and loss.attribute("discriminator_output", "logits") == "energy":
        for key in _adapting(found):
            yield f"{key}.target", f"{loss.name} is computed on energies, which have one sign; null keeps p as it is"


def meaningless_signs(found: Validation) -> Iterator[Finding]:
    """Doubt what follows the sign of outputs of which the loss compares only differences."""
    loss = found.components.get("loss")
    if loss is not None and loss.attribute("shift_invariant", False):
        for key in _adapting(found):
            reason = f"{loss.name} compares outputs, whose sign then means nothing"
            yield f"{key}.target", f"{reason}; null keeps p as it is, or to what a ramp says"


def _adapting(found: Validation) -> list[str]:
    """Return the keys of the augmentations that adapt."""
    keys = [key for key, source in found.components.items() if key.startswith("augment.")]
    adaptive = [key for key in keys if found.components[key].descends_from(_ADAPTIVE)]
    return [key for key in adaptive if found.get(f"{key}.target") is not None]
