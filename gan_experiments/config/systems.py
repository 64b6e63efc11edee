"""What a system trains with, and what it has no use for: nothing is accepted and then ignored."""

from __future__ import annotations

from collections.abc import Iterator

from gan_experiments.config.validation import Validation

Finding = tuple[str, str]  # a key, and what about it


def parts_of_system(found: Validation) -> Iterator[Finding]:
    """Refuse what a system without a discriminator would ignore, and what one with a discriminator lacks."""
    system = found.components.get("model")
    if system is not None:
        yield from (_lacking if system.attribute("adversarial", True) else _useless)(found, system.name)


def _useless(found: Validation, system: str) -> Iterator[Finding]:
    reason = f"{system} has no discriminator"
    for key in ("loss", "penalty", "augment"):
        if found.plain.get(key):
            yield key, f"{reason}; take {key}=none"
    if found.get("d_steps") not in (None, 1):
        yield "d_steps", f"{reason}; leave it at 1"
    for key in ("optimizer.discriminator", "optimizer.clip.discriminator"):
        if found.get(key) is not None:
            yield key, f"{reason}; take optimizer=vae, or set it to null"


def _lacking(found: Validation, system: str) -> Iterator[Finding]:
    for key, parent in (("loss", found.plain), ("optimizer.discriminator", found.get("optimizer"))):
        name = key.rpartition(".")[2]
        if isinstance(parent, dict) and name in parent and parent[name] is None:
            yield key, f"{system} trains a discriminator and needs one; none is for model=vae and model=mlp_vae"


def bernoulli(found: Validation) -> Iterator[Finding]:
    """Refuse what a Bernoulli likelihood has no use for, or cannot be computed in."""
    if found.get("model.likelihood") != "bernoulli":
        return
    if found.get("model.sigma") is not None:
        yield "model.sigma", "a Bernoulli likelihood has none; leave it at null, or take model.likelihood=gaussian"
    if found.get("trainer.precision") not in (None, "32-true"):
        reason = "half precision cannot write probabilities near 0 and 1; take 32-true, or model.likelihood=gaussian"
        yield "trainer.precision", f"a Bernoulli likelihood needs float32: {reason}"
