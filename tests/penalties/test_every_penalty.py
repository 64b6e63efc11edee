"""What holds for every penalty: found by its YAML, so that a new one is tested without an edit here."""

import copy
import dataclasses
import inspect
from pathlib import Path

import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from gan_experiments.core.contracts import Penalty

CONF = Path(__file__).parents[2] / "conf" / "penalty"
FILES = {path.stem: OmegaConf.load(path) for path in sorted(CONF.glob("*.yaml"))}
COMPONENTS = {name: config for file in FILES.values() if "defaults" not in file for name, config in file.items()}
every_penalty = pytest.mark.parametrize("name", COMPONENTS)


def build(name, parts):
    penalty = instantiate(COMPONENTS[name])
    penalty.prepare(parts.SmallGenerator(), parts.SmallDiscriminator())
    return penalty


def values(penalty, step_of, run=lambda hook, step: hook(step)):
    """Return the terms of both steps, ``None`` where there is none, from a fresh copy of the penalty's state."""
    penalty = copy.deepcopy(penalty)
    terms = []
    for side in ("discriminator", "generator"):
        step = step_of(side)
        step = dataclasses.replace(step, latents=penalty.latents(step))
        terms.append(run(getattr(penalty, side), step))
    return terms


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_names_penalties_under_their_own_name(path):
    config = dict(FILES[path.stem])
    assert path.read_text().startswith("# ")
    combined = config.pop("defaults", [])
    assert set(combined) <= set(COMPONENTS)
    assert path.stem == "none" or list(config) == [path.stem] or set(config) <= set(combined)


@every_penalty
def test_yaml_lists_every_argument_with_its_default(name):
    config = OmegaConf.to_container(COMPONENTS[name])
    penalty = get_class(config.pop("_target_"))
    assert issubclass(penalty, Penalty)
    assert {key: parameter.default for key, parameter in inspect.signature(penalty).parameters.items()} == config


@every_penalty
def test_terms_are_finite_scalars_that_reach_the_network(name, parts):
    penalty = build(name, parts)
    for side in ("discriminator", "generator"):
        step = parts.step(side=side)
        step = dataclasses.replace(step, latents=penalty.latents(step))
        value = getattr(penalty, side)(step)
        if value is not None:
            parameters = list(getattr(step, side).parameters())
            gradients = [g for g in torch.autograd.grad(value, parameters, allow_unused=True) if g is not None]
            assert value.shape == ()
            assert value.isfinite()
            assert gradients
            assert all(gradient.isfinite().all() for gradient in gradients)


@every_penalty
def test_the_same_stream_gives_the_same_terms(name, parts):
    step_of = lambda side: parts.step(side=side, discriminator=discriminator, generator=generator)  # noqa: E731
    discriminator, generator = parts.SmallDiscriminator(), parts.SmallGenerator()
    penalty = build(name, parts)
    assert values(penalty, step_of) == values(penalty, step_of)


@every_penalty
def test_low_precision_outside_changes_nothing_that_matters(name, parts):
    discriminator, generator = parts.SmallDiscriminator(), parts.SmallGenerator()
    penalty = build(name, parts)

    def exact(side):
        return parts.step(side=side, discriminator=discriminator, generator=generator)

    def under_autocast(side):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return parts.step(side=side, discriminator=discriminator, generator=generator, full_precision=False)

    def outside(hook, step):
        with torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False):
            return hook(step)

    expected = values(penalty, exact)
    for term, reference in zip(values(penalty, under_autocast, outside), expected, strict=True):
        assert (term is None) == (reference is None)
        if term is not None:
            assert term.dtype == torch.float32
            torch.testing.assert_close(term, reference, rtol=1e-2, atol=1e-6)


@every_penalty
def test_says_truly_whether_it_differentiates_twice(name, parts, monkeypatch):
    created = []
    original = torch.autograd.grad

    def watched(*args, create_graph=False, **kwargs):
        created.append(create_graph)
        return original(*args, create_graph=create_graph, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", watched)
    penalty = build(name, parts)
    values(penalty, lambda side: parts.step(side=side))
    assert any(created) is penalty.second_order


@every_penalty
def test_says_truly_whether_it_differentiates_a_pass_of_the_loss(name, parts):
    penalty = build(name, parts)
    for role in ("real", "fake"):
        step = parts.step()
        cut = dataclasses.replace(step, **{f"{role}_output": getattr(step, f"{role}_output").detach()})
        penalty_reads_it = False
        try:
            value = copy.deepcopy(penalty).discriminator(dataclasses.replace(cut, latents=penalty.latents(cut)))
            del value
        except RuntimeError as error:
            penalty_reads_it = "grad" in str(error)
        assert penalty_reads_it is getattr(penalty, f"differentiates_{role}")


@every_penalty
def test_says_truly_whether_it_needs_features(name, parts):
    penalty = build(name, parts)
    step_of = lambda side: parts.step(side=side, discriminator=parts.Quadratic())  # noqa: E731
    penalty.prepare(parts.SmallGenerator(), parts.Quadratic())
    if penalty.needs_features:
        with pytest.raises(AttributeError, match="features"):
            values(penalty, step_of)
    else:
        values(penalty, step_of)


@every_penalty
def test_state_survives_a_checkpoint(name, parts):
    penalty, other = build(name, parts), build(name, parts)
    discriminator, generator = parts.SmallDiscriminator(), parts.SmallGenerator()
    for side in ("discriminator", "generator"):
        getattr(penalty, side)(parts.step(side=side, discriminator=discriminator, generator=generator))
    other.load_state_dict(penalty.state_dict())
    step_of = lambda side: parts.step(  # noqa: E731
        side=side, discriminator=discriminator, generator=generator, rng=("next",)
    )
    assert values(penalty, step_of) == values(other, step_of)


PER_SAMPLE = ["r1", "r2", "wgan_gp", "wgan_div", "dragan", "cr", "bcr", "zcr", "path_length", "latent_optimization"]


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_the_mean_over_two_processes_is_the_value_of_one(name, parts, monkeypatch):
    discriminator, generator = parts.SmallDiscriminator(), parts.SmallGenerator()
    if name == "dragan":  # its scale is that of the global batch
        real = parts.step(discriminator=discriminator, generator=generator, batch=8).real.detach()
        moments = torch.stack([real.mean(), real.square().mean()])
        monkeypatch.setattr("gan_experiments.penalties.dragan.mean_over_processes", lambda _: moments)

    def step_of(**kwargs):
        return lambda side: parts.step(side=side, discriminator=discriminator, generator=generator, batch=8, **kwargs)

    penalty = instantiate(COMPONENTS[name], **({"decay": 0.0} if name == "path_length" else {}))
    whole = values(penalty, step_of())
    halves = [values(penalty, step_of(part=slice(4 * rank, 4 * rank + 4), rank=rank, world_size=2)) for rank in (0, 1)]
    for value, first, second in zip(whole, *halves, strict=True):
        if value is not None:
            torch.testing.assert_close((first + second) / 2, value)


@pytest.mark.parametrize("name", ["r1", "r2", "wgan_gp", "wgan_div", "dragan", "max_gradient_penalty", "cr", "bcr"])
def test_gradients_are_those_of_finite_differences(name, parts):
    penalty = build(name, parts)
    network = parts.SmallDiscriminator().double()
    names, parameters = zip(*network.named_parameters(), strict=True)

    def value(*parameters):
        class Pinned(torch.nn.Module):
            def forward(self, images, labels=None):
                return torch.func.functional_call(network, dict(zip(names, parameters, strict=True)), (images,))

        return penalty.discriminator(parts.step(discriminator=Pinned(), dtype=torch.float64, batch=2))

    inputs = tuple(parameter.detach().clone().requires_grad_() for parameter in parameters)
    assert torch.autograd.gradcheck(value, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ["r1", "r2", "wgan_gp", "wgan_div", "dragan", "max_gradient_penalty"])
def test_a_flat_discriminator_has_finite_gradients(name, parts):
    discriminator = parts.Linear(torch.zeros(32))
    value = build(name, parts).discriminator(parts.step(discriminator=discriminator))
    gradients = torch.autograd.grad(value, list(discriminator.parameters()), allow_unused=True)
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@pytest.mark.parametrize("name", ["r1", "wgan_gp", "dragan", "max_gradient_penalty", "cr", "bcr"])
def test_a_patch_map_counts_by_its_mean(name, parts):
    class Patches(parts.Quadratic):
        def forward(self, images, labels=None):
            return super().forward(images).reshape(-1, 1, 1, 1) * torch.tensor([0.5, 1.5, 0.0, 2.0]).reshape(1, 1, 2, 2)

    assert torch.isclose(
        build(name, parts).discriminator(parts.step(discriminator=Patches())),
        build(name, parts).discriminator(parts.step(discriminator=parts.Quadratic())),
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("r1", {1, 3, 4}),
        ("r2", {11, 13, 14}),
        ("wgan_gp", {1, 3, 4}),
        ("dragan", {1, 3, 4}),
        ("max_gradient_penalty", {1, 3, 4}),
        ("cr", {1, 3, 4}),
        ("bcr", {1, 3, 4, 11, 13, 14}),
        ("zcr", {11, 13, 14}),
    ],
)
def test_labels_reach_the_discriminator_with_their_images(name, expected, parts):
    discriminator = parts.Counting(parts.SmallDiscriminator())
    step = parts.step(discriminator=discriminator, labels=torch.tensor([3, 1, 4, 1]), full_precision=False)
    discriminator.labels.clear()
    build(name, parts).discriminator(step)
    assert discriminator.labels == expected
