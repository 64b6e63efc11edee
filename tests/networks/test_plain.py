"""Networks that were not written for this project, as they would be handed over."""

import textwrap

import pytest
import torch
from config_view import problems
from omegaconf import OmegaConf
from torch import nn

from gan_experiments import load_generator
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.losses.hinge import Hinge
from gan_experiments.networks.plain import ModuleDiscriminator, ModuleGenerator
from gan_experiments.penalties.acgan import ACGAN
from gan_experiments.penalties.feature_matching import FeatureMatching
from gan_experiments.penalties.gradient import scores
from gan_experiments.penalties.r1 import R1
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.callbacks.checkpoint import save_generator

FACTS = DataFacts("images", 8, 1, num_classes=3)
POINTS = DataFacts("images", 8, 1)


class Draw(nn.Module):
    def __init__(self, latent_dim=5, classes=0):
        super().__init__()
        self.line = nn.Linear(latent_dim + classes, 64)
        self.norm = nn.BatchNorm1d(64)
        self.classes = classes

    def forward(self, latents, *labels):
        if self.classes:
            latents = torch.cat([latents, nn.functional.one_hot(labels[0], self.classes)], dim=1)
        return self.norm(self.line(latents)).tanh().view(-1, 1, 8, 8)


class Look(nn.Module):
    """Logits of a shape that a test chooses."""

    def __init__(self, shape=(), conditional=False):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
        self.head = nn.LazyLinear(max(1, torch.Size(shape).numel()))
        self.shape, self.classes = shape, nn.Embedding(3, 1) if conditional else None

    def forward(self, images, *labels):
        logits = self.head(self.body(images).flatten(1)).view(-1, *self.shape)
        return logits + self.classes(labels[0]).view(-1, *[1] * len(self.shape)) if labels else logits


@pytest.mark.parametrize("conditional", [False, True])
def test_a_module_makes_the_images(conditional):
    module = Draw(classes=3 * conditional)
    generator = ModuleGenerator(FACTS, module, latent_dim=5, conditional=conditional)
    latents, labels = torch.randn(4, 5), torch.tensor([0, 2, 1, 0])
    expected = module.eval()(latents, labels)
    assert torch.equal(generator.eval()(latents, labels if conditional else None), expected)
    assert (generator.latent_dim, generator.conditional, generator.facts) == (5, conditional, FACTS)


@pytest.mark.parametrize("shape", [(), (1,), (1, 2, 2), (3,)])
@pytest.mark.parametrize("conditional", [False, True])
def test_a_module_gives_one_logit_or_several_for_each_image(shape, conditional):
    module = Look(shape, conditional)
    network = ModuleDiscriminator(FACTS, module, conditional)
    images, labels = torch.randn(4, 1, 8, 8), torch.tensor([0, 2, 1, 0])
    output = network(images, labels if conditional else None)
    assert output.shape == (4, *shape) if shape != (1,) else (4,)
    assert torch.equal(output.flatten(), module(images, *[labels] * conditional).flatten())
    assert scores(output).shape == (4,)
    assert Hinge().generator(output).shape == ()
    assert network.forward_with_features(images, labels if conditional else None).features is None


def test_features_are_the_output_of_a_submodule_in_the_same_pass():
    module = Look()
    network = ModuleDiscriminator(FACTS, module, features="body.0")
    images = torch.randn(4, 1, 8, 8)
    output, features = network.forward_with_features(images)
    assert torch.equal(features, module.body[0](images).flatten(1))
    assert torch.equal(output, network(images))
    assert torch.equal(network.features(images), features)
    features.sum().backward()
    assert module.body[0].weight.grad is not None
    assert not module.body[0]._forward_hooks
    with pytest.raises(ValueError, match="names no submodule"):
        ModuleDiscriminator(FACTS, Look()).features(images)


def test_the_trial_changes_nothing_but_lazy_layers():
    torch.manual_seed(0)
    module = Draw()
    module.line.train(False)
    before, state = {key: value.clone() for key, value in module.state_dict().items()}, torch.get_rng_state()
    ModuleGenerator(FACTS, module, latent_dim=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert (module.training, module.line.training, module.norm.training) == (True, False, True)
    weights = []
    for _ in range(2):
        torch.manual_seed(1)
        weights.append(ModuleDiscriminator(FACTS, Look()).module.head.weight)
    assert weights[0].shape == (1, 256)
    assert torch.equal(*weights)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ModuleGenerator(FACTS, Draw(4), 5), r"generator\.module: Draw fails for .* \(2, 5\): RuntimeError: "),
        (
            lambda: ModuleGenerator(DataFacts("big", 16, 3), Draw(), 5),
            r"Draw returns the shape \(2, 1, 8, 8\) for 2 latents; images of big have \(2, 3, 16, 16\)",
        ),
        (
            lambda: ModuleGenerator(POINTS, Draw(), 5, conditional=True),
            "images has no labels for a conditional network",
        ),
        (
            lambda: ModuleDiscriminator(POINTS, Look(), conditional=True),
            "images has no labels for a conditional network",
        ),
        (lambda: ModuleDiscriminator(FACTS, nn.Flatten(0)), r"returns the shape \(128,\) for 2 images"),
        (lambda: ModuleDiscriminator(FACTS, nn.GRU(8, 1)), r"GRU fails for .*(TypeError|RuntimeError|ValueError): "),
        (
            lambda: ModuleDiscriminator(FACTS, Look(), features="neck"),
            r"no submodule 'neck' \(body, body\.0, body\.1, he",
        ),
    ],
)
def test_a_module_that_does_not_fit_is_refused(make, text):
    with pytest.raises(ConfigError, match=text):
        make()


def test_a_module_that_returns_no_tensor_is_refused():
    class Pair(nn.Module):
        def forward(self, images):
            return images, images

    with pytest.raises(ConfigError, match=r"Pair fails for an input of shape .* it returns tuple, not a tensor"):
        ModuleDiscriminator(FACTS, Pair())


@pytest.mark.parametrize(
    ("penalty", "features", "text"),
    [
        (FeatureMatching, None, "model.discriminator.features: penalty.it needs features; name the submodule"),
        (FeatureMatching, "body", None),
        (R1, None, None),
    ],
)
def test_penalties_on_features_need_a_submodule(penalty, features, text):
    network = {"_target_": ModuleDiscriminator, "module": {}, "features": features}
    config = {"model": {"discriminator": network}, "penalty": {"it": {"_target_": penalty}}}
    lines = problems(config, "model.discriminator")
    assert len(lines) == bool(text)
    assert all(line.startswith(text) for line in lines)


def test_a_module_has_no_class_head():
    network = {"_target_": ModuleDiscriminator, "module": {}}
    config = {"model": {"discriminator": network}, "penalty": {"it": {"_target_": ACGAN}}}
    (line,) = problems(config, "penalty.it")
    assert line.endswith("that of ModuleDiscriminator is none")


SOURCE = """
from torch import nn

class Draw(nn.Sequential):
    def __init__(self, width: int = 32):
        super().__init__(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))

class Look(nn.Sequential):
    def __init__(self, width: int = 32, activation: nn.Module | None = None):
        super().__init__(nn.Flatten(), nn.Linear(64, width), activation or nn.ReLU(), nn.Linear(width, 1))
"""
MODEL = """
defaults: [base]
generator:
  _target_: gan_experiments.networks.plain.ModuleGenerator
  latent_dim: 16
  module: {_target_: plain_example.Draw, width: 8}
discriminator:
  _target_: gan_experiments.networks.plain.ModuleDiscriminator
  features: "1"
  module: {_target_: plain_example.Look, width: 8, activation: {_target_: torch.nn.SiLU}}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write networks into a package of the user's, and a model of them into a folder of configs."""
    (tmp_path / "plain_example.py").write_text(textwrap.dedent(SOURCE))
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(*overrides):
        return compose(
            "train", ["model=mine", "metrics=none", "budget.images=16", "batch_size=8", *overrides], tmp_path / "conf"
        )

    return make


def test_own_modules_train_and_are_loaded_again(own, tmp_path):
    config = own("penalty=[r1,feature_matching]")
    assert check_config(config, Config, ["plain_example"]).errors == []
    parts = build(OmegaConf.to_container(config, resolve=True), RunFolder(tmp_path / "run"))
    before = [weight.clone() for weight in parts.system.parameters()]
    parts.trainer.fit(parts.system, datamodule=parts.data)
    assert any(not torch.equal(*pair) for pair in zip(before, parts.system.parameters(), strict=True))
    path = tmp_path / "generator.safetensors"
    save_generator(parts.system, path)
    generator = load_generator(path, trusted=["plain_example"])
    latents = torch.randn(3, 16)
    torch.testing.assert_close(generator(latents), parts.system.sample(latents))
    with pytest.raises(ConfigError, match=r"refused: .*plain_example.* is not in the packages"):
        load_generator(path)


def test_options_of_own_modules_are_checked(own):
    lines = [str(problem) for problem in check_config(
        own("model.generator.module.width=wide", "model.discriminator.module.activation._target_=os.system"),
        Config,
        ["plain_example"],
    ).problems]  # fmt: skip
    assert "model.generator.module.width: 'wide' is not an integer" in lines
    assert any(line.startswith("model.discriminator.module.activation._target_: 'os.system'") for line in lines)
    assert any("plain_example" in str(problem) for problem in check_config(own(), Config).problems)
