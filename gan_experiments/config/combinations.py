"""Values that are right each by itself and wrong together; each check is one small function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gan_experiments.config import metrics, networks
from gan_experiments.config.augmentations import meaningless_signs, signless_outputs
from gan_experiments.config.ramps import changing_numbers
from gan_experiments.config.signatures import ClassSource
from gan_experiments.config.systems import bernoulli, parts_of_system
from gan_experiments.config.validation import Validation
from gan_experiments.config.widths import group_widths

_BASE_DISCRIMINATOR = "gan_experiments.core.contracts.Discriminator"
_BASE_PENALTY = "gan_experiments.core.contracts.Penalty"
_FITTING_MODELS = {"logits": "model=mlp or model=dcgan", "energy": "model=autoencoder"}
Finding = tuple[str, str]  # a key, and what about it


def refused(found: Validation) -> list[Finding]:
    """Return what cannot work."""
    checks = (
        _half_precision, _output_of_discriminator, _pairs, _unrolling, _share_of_batch, _features, _end_of_schedule,
        _integer_betas, _known_truth, parts_of_system, bernoulli, networks.sizes, networks.labels,
        networks.one_conditional, networks.class_heads, changing_numbers,
        metrics.no_extractor, metrics.no_weights, metrics.same_values, signless_outputs, group_widths,
    )  # fmt: skip
    return [finding for check in checks for finding in check(found)]


def doubtful(found: Validation) -> list[Finding]:
    """Return what works, but hardly as it was meant."""
    checks = (_same_kind, _batch_norm, _shared_move, _coupled_batch, meaningless_signs)
    return [finding for check in checks for finding in check(found)]


def _half_precision(found: Validation) -> Iterator[Finding]:
    if found.get("trainer.precision") != "16-mixed":
        return
    if found.get("trainer.accelerator") == "cpu":
        yield "trainer.precision", "16-mixed needs a GPU; on the CPU there are bf16-mixed and 32-true"
    second = [name for name, source in _penalties(found).items() if source.attribute("second_order", False)]
    twice = [f"penalty {', '.join(second)}"] * bool(second)
    twice += ["model.unroll_steps"] * bool(found.get("model.unroll_steps"))
    if twice:
        reason = "its loss scaling would be differentiated too; bf16-mixed and 32-true work"
        yield "trainer.precision", f"16-mixed cannot be combined with {' and '.join(twice)}: {reason}"


def _output_of_discriminator(found: Validation) -> Iterator[Finding]:
    loss, discriminator = found.components.get("loss"), found.components.get("model.discriminator")
    if loss is None or discriminator is None:
        return
    wanted, made = loss.attribute("discriminator_output", "logits"), discriminator.attribute("output", "logits")
    if wanted != made:
        fits = f"take {_FITTING_MODELS.get(wanted, 'another discriminator')}, or a loss that is computed on {made!r}"
        yield "loss", f"{loss.name} is computed on {wanted!r}, {discriminator.name} gives {made!r}: {fits}"


def _pairs(found: Validation) -> Iterator[Finding]:
    loss = found.components.get("loss")
    if loss is None or not loss.attribute("pairs", False):
        return
    for name in _overriding(found, "generator_outputs"):
        yield f"penalty.{name}", f"it leaves fakes out, and {loss.name} pairs each with a real; take another loss"


def _unrolling(found: Validation) -> Iterator[Finding]:
    key = "optimizer.discriminator"
    source = found.components.get(key)
    if source is None or not found.get("model.unroll_steps"):
        return
    options = [name for name in ("weight_decay", "amsgrad") if found.get(f"{key}.{name}")]
    if source.path != "torch.optim.adam.Adam" or options:
        given = " with ".join([source.name, *options])
        yield "model.unroll_steps", f"unrolls torch.optim.Adam without weight_decay or amsgrad; {key} is {given}"


def _share_of_batch(found: Validation) -> Iterator[Finding]:
    batch, devices, nodes = (found.get(key) for key in ("batch_size", "trainer.devices", "trainer.num_nodes"))
    if isinstance(batch, int) and isinstance(devices, int) and isinstance(nodes, int) and batch % (devices * nodes):
        yield "batch_size", f"{batch} images cannot be shared equally by {devices * nodes} processes"


def _features(found: Validation) -> Iterator[Finding]:
    discriminator = found.components.get("model.discriminator")
    if discriminator is None or discriminator.definer("features") not in (None, _BASE_DISCRIMINATOR):
        return
    for name, source in _penalties(found).items():
        if source.attribute("needs_features", False) and discriminator.complete:
            yield f"penalty.{name}", f"{source.name} needs features, which {discriminator.name} does not give"


def _end_of_schedule(found: Validation) -> Iterator[Finding]:
    kind, start, end = (found.get(f"optimizer.schedule.{key}") for key in ("kind", "start", "end"))
    where = "optimizer.schedule.end" if end else "optimizer.schedule.start"
    end = end or found.get("budget.images")
    if kind in ("linear", "cosine") and isinstance(start, int) and isinstance(end, int) and start >= end:
        yield where, f"the rates would begin to fall at {start} images and have fallen at {end}"


def _integer_betas(found: Validation) -> Iterator[Finding]:
    for network in ("generator", "discriminator"):
        for index, beta in enumerate(found.get(f"optimizer.{network}.betas") or []):
            if isinstance(beta, int):
                yield f"optimizer.{network}.betas[{index}]", f"the optimizer refuses integers; write {float(beta)}"


def _known_truth(found: Validation) -> Iterator[Finding]:
    dataset = found.components.get("dataset")
    for key, source in found.components.items():
        wants = key.startswith("metrics.measures.") and source.attribute("needs_known_distribution", False)
        if wants and dataset and dataset.complete and not dataset.attribute("has_known_distribution", False):
            sets = "ring, grid, swiss_roll, stacked_digits, stacked_mnist and polygons"
            yield key, f"the distribution of {dataset.name} is not known; that of dataset={sets} is"


def _same_kind(found: Validation) -> Iterator[Finding]:
    by_kind = defaultdict(list)
    for name, source in _penalties(found).items():
        by_kind[source.attribute("kind", "")].append(name)
    for kind, names in by_kind.items():
        if kind and len(names) > 1:
            yield "penalty", f"{' and '.join(names)} are of one kind ({kind}); usually one of them is meant"


def _batch_norm(found: Validation) -> Iterator[Finding]:
    norm = "model.discriminator.norm"
    second = [
        name for name, source in _penalties(found).items() if source.attribute("needs_per_sample_gradients", False)
    ]
    if second and found.get(norm) == "batch":
        reason = "the gradient at an image then depends on the others of its batch; another norm keeps them apart"
        yield norm, f"'batch' beside penalty {', '.join(second)}: {reason}"


def _shared_move(found: Validation) -> Iterator[Finding]:
    if found.get("model.share_fakes"):
        for name in _overriding(found, "latents"):
            yield f"penalty.{name}", "the generator does not learn through the move of latents with model.share_fakes"


def _coupled_batch(found: Validation) -> Iterator[Finding]:
    loss = found.components.get("loss")
    parallel = found.get("trainer.devices") != 1 or found.get("trainer.num_nodes") != 1
    if not parallel or found.get("trainer.devices") is None:
        return
    for key, source in {"loss": loss, **{f"penalty.{name}": it for name, it in _penalties(found).items()}}.items():
        if source and source.attribute("couples_batch", False):
            yield (
                key,
                f"{source.name} compares the images of a batch; each process will compare those of its share alone",
            )


def _penalties(found: Validation) -> dict[str, ClassSource]:
    """Return the class of each penalty by its name."""
    penalties = {key: source for key, source in found.components.items() if key.startswith("penalty.")}
    return {key.partition(".")[2]: source for key, source in penalties.items() if key.count(".") == 1}


def _overriding(found: Validation, hook: str) -> list[str]:
    """Return the names of the penalties that do something at ``hook``."""
    return [name for name, source in _penalties(found).items() if source.definer(hook) not in (None, _BASE_PENALTY)]
