import copy
import random
import time

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tiny import LARGE, PATCHES, TRANSLATORS, narrow_overrides, tiny_overrides
from torch import nn

from gan_experiments.cli import train as command
from gan_experiments.config.compose import compose
from gan_experiments.config.files import conf_dir
from gan_experiments.core.contracts import Augmentation, Discriminator, Encoder, Generator
from gan_experiments.core.types import ConfigError
from gan_experiments.training import preflight
from gan_experiments.training.build import build_data, build_system, construct
from gan_experiments.training.preflight import dry_run, overload, try_augmentations

MODELS = sorted({path.stem for path in (conf_dir() / "model").glob("*.yaml")} - {"base"})


class WrongGenerator(Generator):
    """Makes images of half the size."""

    def __init__(self, facts, latent_dim=12):
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.layer = nn.Linear(latent_dim, facts.channels * (facts.image_size // 2) ** 2)

    def forward(self, latents, labels=None):
        size = self.facts.image_size // 2
        return self.layer(latents).view(-1, self.facts.channels, size, size)


class WrongDiscriminator(Discriminator):
    """Returns a column instead of a vector."""

    def __init__(self, facts):
        super().__init__(facts)
        self.layer = nn.Linear(facts.channels * facts.image_size**2, 1)

    def forward(self, images, labels=None):
        return self.layer(images.flatten(1))


class Failing(WrongDiscriminator):
    def forward(self, images, labels=None):
        return self.layer(images.flatten(2).transpose(1, 2)).squeeze(1)


class Patches(Discriminator):
    """Returns a map with a logit for each patch."""

    def __init__(self, facts):
        super().__init__(facts)
        self.layer = nn.Conv2d(facts.channels, 1, 4, 2)

    def forward(self, images, labels=None):
        return self.layer(images)


class WrongEncoder(Encoder):
    def __init__(self, facts, latent_dim):
        super().__init__(facts, latent_dim)
        self.layer = nn.Linear(facts.channels * facts.image_size**2, latent_dim)

    def forward(self, images):
        return self.layer(images.flatten(1))


class Disturbing(WrongDiscriminator):
    """Draws random numbers and writes to its buffers, in evaluation mode as well."""

    def __init__(self, facts):
        super().__init__(facts)
        self.register_buffer("calls", torch.zeros(()))
        self.frozen = nn.BatchNorm2d(facts.channels).eval()

    def forward(self, images, labels=None):
        self.calls.add_(1)
        return self.layer(self.frozen(images + torch.randn_like(images)).flatten(1)).squeeze(1)


def node(cls):
    return {"_target_": f"{__name__}.{cls.__name__}"}


@pytest.fixture
def system(tiny):
    """Build the system of a tiny config, with networks of the user's."""

    def make(*overrides, **networks):
        config = tiny("metrics=none", *overrides)
        config["model"] |= {name: node(cls) for name, cls in networks.items()}
        data = construct(config["dataset"])
        return build_system(config, data), data.facts

    return make


@pytest.mark.parametrize(
    ("network", "cls", "problem"),
    [
        (
            "generator",
            WrongGenerator,
            "model.generator: WrongGenerator returns (2, 1, 4, 4) for an input of (2, 12), expected (2, 1, 8, 8)",
        ),
        (
            "discriminator",
            WrongDiscriminator,
            "model.discriminator: WrongDiscriminator returns (2, 1) for an input of (2, 1, 8, 8), expected (2,)",
        ),
        (
            "encoder",
            WrongEncoder,
            "model.encoder: WrongEncoder returns (2, 64) for an input of (2, 1, 8, 8), expected (2, 64) and (2, 64)",
        ),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_a_wrong_shape_is_named_with_the_expected_one(system, monkeypatch, network, cls, problem, large):
    if large:
        monkeypatch.setattr(preflight, "LARGE", 0)
    kind = ["model=vae", "model.generator.latent_dim=64"] if network == "encoder" else []
    with pytest.raises(ConfigError) as caught:
        dry_run(*system(*kind, **{network: cls}))
    assert caught.value.problems == [problem]


@pytest.mark.parametrize(("load", "threads", "warned"), [(9.5, 2, True), (9.5, 1, False), (0.5, 2, False)])
def test_too_many_threads_for_a_busy_machine_are_warned_of(monkeypatch, load, threads, warned):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    text = overload()
    assert (text is not None) == warned
    if warned:
        assert text.startswith("other processes use this machine: a load of 9.5 on 2 cores")
        assert "OMP_NUM_THREADS=1" in text


def test_the_load_of_other_cores_than_those_of_this_process_is_no_reason_to_warn(monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (50.0, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("torch.get_num_threads", lambda: 4)
    assert overload() is None


def test_all_wrong_shapes_are_named_at_once(system):
    with pytest.raises(ConfigError) as caught:
        dry_run(*system(generator=WrongGenerator, discriminator=WrongDiscriminator))
    assert len(caught.value.problems) == 2


def test_an_error_of_a_network_is_named_with_its_line(system):
    with pytest.raises(ConfigError) as caught:
        dry_run(*system(discriminator=Failing))
    (problem,) = caught.value.problems
    assert problem.startswith("model.discriminator: Failing fails on an input of (2, 1, 8, 8): RuntimeError: ")
    assert "test_preflight.py, line " in problem


def test_a_large_network_that_the_meta_device_cannot_run_is_not_checked(system, monkeypatch):
    monkeypatch.setattr(preflight, "LARGE", 0)
    dry_run(*system(discriminator=Failing))


def test_a_map_of_patches_is_an_output(system):
    dry_run(*system(discriminator=Patches))


def everything(system):
    """Copy all that a dry run could change."""
    weights = copy.deepcopy(system.state_dict())
    gradients = [parameter.grad for parameter in system.parameters()]
    modes = [module.training for module in system.modules()]
    return weights, gradients, modes, torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()


def assert_unchanged(before, after):
    assert all(torch.equal(value, after[0][name]) for name, value in before[0].items())
    assert torch.equal(before[3], after[3])
    assert [*before[1:3], *before[4:]] == [*after[1:3], *after[4:]]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_no_bit_changes(model, large, monkeypatch):
    if large:
        monkeypatch.setattr(preflight, "LARGE", 0)
    more = PATCHES if model == "transformer" else LARGE.get(model, TRANSLATORS.get(model, []))
    lines = [f"model={model}", *narrow_overrides(model), *more]
    config = OmegaConf.to_container(compose("train", lines), resolve=True)
    data = build_data(config)
    system = build_system(config, data)
    before = everything(system)
    dry_run(system, data.facts)
    assert_unchanged(before, everything(system))


@pytest.mark.parametrize("conditioning", ["projection", "concatenation", "acgan"])
def test_conditional_networks_are_given_labels(system, conditioning):
    dry_run(*system(f"conditioning={conditioning}", "model=sngan"))


def test_a_network_that_writes_and_draws_is_left_as_it_was(system):
    built, facts = system(discriminator=Disturbing)
    before = everything(built)
    dry_run(built, facts)
    assert_unchanged(before, everything(built))
    assert not built.discriminator.frozen.training


def test_it_is_cheap(system):
    built, facts = system()
    dry_run(built, facts)
    began = time.perf_counter()
    dry_run(built, facts)
    assert time.perf_counter() - began < 0.2


class Wrong(Augmentation):
    """Returns what no network can take or learn from."""

    def __init__(self, how="shape"):
        super().__init__()
        self.how = how
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images, rng, images_seen):
        self.calls += 1
        torch.rand(1)
        images += 0.1 * rng.normal(*images.shape)
        if self.how == "raise":
            return images.nonsense()
        wrong = {"shape": images[:, :, 1:], "type": images.double(), "gradient": images.detach(), "list": [images]}
        return wrong.get(self.how, images)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("shape", "Wrong.forward returned (2, {0}, 7, 8) for images of (2, {0}, 8, 8), not their shape"),
        ("type", "Wrong.forward returned torch.float64 for images of torch.float32, not their type"),
        ("gradient", "Wrong.forward returned images without a gradient, so the generator would not learn through it"),
        ("list", "Wrong.forward returned list, not a tensor of images"),
        (
            "raise",
            "Wrong fails on images of (2, {0}, 8, 8): AttributeError: 'Tensor' object has no attribute 'nonsense' (",
        ),
    ],
)
@pytest.mark.parametrize(("model", "channels"), [("mlp", 1), ("cyclegan", 3)])
def test_an_augmentation_that_cannot_be_trained_through_is_refused_before_anything_is_written(
    call, tmp_path, how, reason, model, channels
):
    choice = f"+augment.mine._target_={__name__}.Wrong", f"+augment.mine.how={how}", f"trusted=[{__name__}]"
    code, _, err = call(command, *tiny_overrides(f"model={model}"), *choice)
    assert (code, f"problem\n  augment.mine: {reason.format(channels)}" in err) == (2, True), err
    assert list(tmp_path.iterdir()) == []


def test_to_try_an_augmentation_changes_neither_its_state_nor_random_numbers(tiny):
    config = tiny("model=mlp")
    data = build_data(config)
    system = build_system(config | {"augment": {"mine": {"_target_": f"{__name__}.Wrong", "how": "right"}}}, data)
    before = torch.get_rng_state()
    try_augmentations(system, data.facts)
    assert torch.equal(torch.get_rng_state(), before)
    assert system.augmentations["mine"].calls == 0
