import copy
import math
import os
import signal

import pytest
import torch
from config_view import problems
from PIL import Image
from same_run import assert_same_run
from tiny import SGD
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from gan_experiments.core.clock import Clock
from gan_experiments.core.contracts import Encoder, Generator
from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.encoder import MLPEncoder
from gan_experiments.networks.mlp import MLPGenerator
from gan_experiments.networks.plain import ModuleGenerator
from gan_experiments.networks.r3gan import R3GANGenerator
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.schedule import LearningRateSchedule
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.systems.vae import VAE
from gan_experiments.training.build import build
from gan_experiments.training.train import train

LATENTS, SIGMA = 3, 0.7


class LinearGenerator(Generator):
    """Images of 2x2 pixels, linear in the latents; the columns of its weight are orthogonal."""

    def __init__(self, facts, conditional=False):
        super().__init__(facts)
        self.latent_dim, self.conditional = LATENTS, conditional
        columns = torch.linalg.qr(torch.randn(4, LATENTS, generator=torch.Generator().manual_seed(1))).Q
        self.weight = nn.Parameter(columns * torch.tensor([0.5, 1.0, 2.0]))
        self.bias = nn.Parameter(torch.tensor([0.1, -0.2, 0.3, 0.0]))

    def forward(self, latents, labels=None):
        images = latents @ self.weight.T + self.bias
        if self.conditional:
            images = images + labels[:, None]
        return images.view(-1, 1, 2, 2)


class Pixels(nn.Sequential):
    """A module of the user's that maps latents to images of 2x2 pixels."""

    def __init__(self):
        super().__init__(nn.Linear(LATENTS, 4), nn.Unflatten(1, (1, 2, 2)))


class Posterior(Encoder):
    """The exact posterior of the linear generator, its covariance diagonal; moved by ``shift`` and ``scale``."""

    def __init__(self, generator, sigma=SIGMA, shift=0.0, scale=0.0):
        super().__init__(generator.facts, LATENTS)
        weight = generator.weight.detach()
        self.variance = 1 / (1 + weight.square().sum(0) / sigma**2)
        self.map = weight * self.variance / sigma**2
        self.bias, self.shift, self.scale = generator.bias.detach(), shift, scale

    def forward(self, images):
        mean = (images.flatten(1) - self.bias) @ self.map
        return mean + self.shift, (self.variance.log() + self.scale).expand_as(mean)


def linear(sigma=SIGMA, **wrong):
    generator = LinearGenerator(DataFacts("squares", 2, 1, num_classes=10), wrong.pop("conditional", False))
    schedule = LearningRateSchedule("constant", 0, 0, 1)
    return VAE(
        generator, Posterior(generator, **wrong), TrainingSetup(Clock(4, 4), 0, 0, {}, schedule, {}), sigma=sigma
    )


def bound(system, images, labels=None):
    """Return the bound of each image, its expectation exact: points whose first two moments are the normal's."""
    points = math.sqrt(LATENTS) * torch.cat([torch.eye(LATENTS), -torch.eye(LATENTS)])
    terms = [system.bound(images, point.expand(len(images), -1), labels) for point in points]
    return torch.stack([each.log_likelihood - each.divergence for each in terms]).mean(0)


def evidence(system, images):
    generator = system.generator
    sigma = system.log_sigma.exp()
    covariance = generator.weight @ generator.weight.T + sigma**2 * torch.eye(4)
    return MultivariateNormal(generator.bias, covariance).log_prob(images.flatten(1))


IMAGES = torch.randn(6, 1, 2, 2, generator=torch.Generator().manual_seed(2))


def test_at_the_exact_posterior_the_bound_is_the_evidence():
    system = linear()
    torch.testing.assert_close(bound(system, IMAGES), evidence(system, IMAGES))


@pytest.mark.parametrize("wrong", [{"shift": 0.3}, {"scale": 0.4}, {"scale": -0.4}])
def test_elsewhere_it_lies_below_by_the_divergence_of_the_posteriors(wrong):
    system, right = linear(**wrong), linear()
    (mean, log_variance), (true_mean, true_log_variance) = system.encoder(IMAGES), right.encoder(IMAGES)
    found = Normal(mean, (log_variance / 2).exp())
    gap = kl_divergence(found, Normal(true_mean, (true_log_variance / 2).exp())).sum(1)
    assert (gap > 0.01).all()
    torch.testing.assert_close(bound(system, IMAGES), evidence(system, IMAGES) - gap)


def test_at_the_exact_posterior_its_gradient_is_that_of_the_evidence():
    system = linear(sigma=None)
    system.encoder = Posterior(system.generator, sigma=system.log_sigma.exp().item())
    weights = [system.generator.weight, system.generator.bias, system.log_sigma]
    ours, theirs = (torch.autograd.grad(f(system, IMAGES).sum(), weights) for f in (bound, evidence))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_conditional_generator_is_given_the_labels():
    labels = torch.full((6,), 2)
    system = linear(conditional=True)
    system.encoder.bias = system.encoder.bias + 2
    torch.testing.assert_close(bound(system, IMAGES + 2, labels), bound(linear(), IMAGES))


@pytest.mark.parametrize(
    "generator",
    [
        MLPGenerator(DataFacts("grey", 8, 1), 2, (3,), output="linear"),
        R3GANGenerator(DataFacts("grey", 8, 1), 2, channels=2),
        LinearGenerator(DataFacts("grey", 2, 1)),  # a user's, which says nothing of it
        ModuleGenerator(DataFacts("grey", 2, 1), Pixels(), LATENTS),
    ],
)
def test_bernoulli_is_for_generators_that_end_with_tanh(generator):
    setup, encoder = TrainingSetup(Clock(4, 4), 0, 0, {}, None, {}), MLPEncoder(generator.facts, 2, (3,))
    with pytest.raises(ConfigError, match=f"bernoulli: {type(generator).__name__} does not end with tanh here"):
        VAE(generator, encoder, setup, likelihood="bernoulli")
    VAE(MLPGenerator(generator.facts, 2, (3,)), encoder, setup, likelihood="bernoulli")


@pytest.mark.parametrize("bounded", [True, False])
def test_a_module_says_itself_that_it_is_bounded(bounded):
    module = Pixels()
    module.bounded = bounded
    assert ModuleGenerator(DataFacts("grey", 2, 1), module, LATENTS).bounded is bounded


def test_bernoulli_is_for_grey_images():
    generator = LinearGenerator(DataFacts("coloured", 2, 3))
    with pytest.raises(ConfigError, match="for grayscale images; coloured has 3 channels"):
        VAE(generator, Posterior(generator), TrainingSetup(Clock(4, 4), 0, 0, {}, None, {}), likelihood="bernoulli")


@pytest.fixture
def built(tiny, tmp_path):
    def make(*overrides):
        return build(tiny("model=mlp_vae", "metrics=none", *overrides), RunFolder(tmp_path / "run"))

    return make


def fit(parts):
    parts.trainer.fit(parts.system, datamodule=parts.data)
    return parts.system


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_training_is_the_algorithm_written_by_hand(built, beta):
    parts = built(f"model.beta={beta}", "model.sigma=null", "ema.rampup=null", "seed=7")
    decoder, encoder = copy.deepcopy(parts.system.generator), copy.deepcopy(parts.system.encoder)
    average, log_sigma = copy.deepcopy(decoder), torch.tensor(math.log(0.5), requires_grad=True)
    system = fit(parts)

    adam = torch.optim.Adam([*decoder.parameters(), *encoder.parameters(), log_sigma], 1e-3)
    images, batch = to_float(parts.data.images), 8
    order = Stream(7, "order", 0).permutation(len(images))
    for step in range(8):
        real = images[order[step * batch : (step + 1) * batch]]
        mean, log_variance = encoder(real)
        posterior = Normal(mean, log_variance.exp().sqrt())
        noise = Stream(7, "latents", "encoder", step).normal(batch, decoder.latent_dim)
        decoded = decoder(posterior.mean + posterior.stddev * noise)
        fits = Normal(decoded, log_sigma.exp()).log_prob(real).flatten(1).sum(1)
        adam.zero_grad()
        (beta * kl_divergence(posterior, Normal(0.0, 1.0)).sum(1) - fits).mean().backward()
        adam.step()
        with torch.no_grad():
            for kept, weight in zip(average.parameters(), decoder.parameters(), strict=True):
                kept.lerp_(weight, 1 - 0.5 ** (batch / 10000))
    torch.testing.assert_close(system.log_sigma.data, log_sigma.data)
    for ours, theirs in ((system.generator, decoder), (system.encoder, encoder), (system.ema.module, average)):
        for name, weight in theirs.named_parameters():
            torch.testing.assert_close(ours.get_parameter(name), weight, rtol=1e-3, atol=1e-5)


def test_an_automatic_sigma_grows_with_the_square_root_of_the_side(built):
    at_8 = built("model.sigma=auto").system.log_sigma
    at_32 = built("model.sigma=auto", "dataset=polygons", "dataset.num_images=50").system.log_sigma
    assert [each.exp().item() for each in (at_8, at_32)] == pytest.approx([0.5, 1.0])
    assert not at_8.requires_grad


def test_what_is_logged_has_no_beta_and_a_fixed_sigma_stays(built):
    parts = built("model.beta=3", "model.sigma=0.3", "callbacks.monitor.every=64", "optimizer.clip.generator=1.0")
    fit(parts)
    latest = parts.loop.latest
    assert latest["vae/elbo"] == pytest.approx(-latest["vae/reconstruction"] - latest["vae/kl"], rel=1e-5)
    assert latest["loss/vae"] == pytest.approx(latest["vae/reconstruction"] + 3 * latest["vae/kl"], rel=1e-5)
    assert latest["vae/sigma"] == pytest.approx(0.3)
    bits = (-latest["vae/elbo"] / 64 + math.log(127.5)) / math.log(2)
    assert latest["vae/bits_per_dim"] == pytest.approx(bits, rel=1e-4)
    assert latest["gradient_norm/generator"] > 1  # as it was before it was clipped


@pytest.mark.parametrize("overrides", [["trainer.precision=bf16-mixed"], ["model.likelihood=bernoulli"]])
def test_other_ways_to_train(built, overrides):
    parts = built(*overrides, "budget.images=1600")
    fit(parts)
    assert math.isfinite(parts.loop.latest["loss/vae"])
    assert ("vae/sigma" in parts.loop.latest) == ("bernoulli" not in overrides[0])


def test_a_run_stopped_in_the_middle_ends_with_the_same_bits(tiny, tmp_path, monkeypatch):
    config = tiny("model=vae", "model.encoder.channels=4", "budget.images=160", "callbacks.monitor.every=96")
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    assert train(config, whole) == 0
    step = VAE.step

    def stop_once(self, batch):
        step(self, batch)
        if self.clock.images_seen == 72:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(VAE, "step", stop_once)
    assert train(config, stopped) == 128 + signal.SIGTERM
    monkeypatch.setattr(VAE, "step", step)
    assert train(config, stopped) == 0
    assert_same_run(whole, stopped)
    assert whole.record()["steps"] == {"generator": 20, "encoder": 20}
    pictures = sorted(path.name for path in whole.samples.glob("reconstructions-*"))
    assert pictures[0] == "reconstructions-0000000000.png"
    assert Image.open(whole.samples / pictures[-1]).size == (70, 70)  # two images, and below them what they became


def test_reconstructions_lie_below_their_images(built):
    parts = built()
    parts.data.setup()
    labels = torch.arange(5)
    batch = type("Batch", (), {"images": parts.data.images[:5], "labels": labels})
    shown = parts.system.extra_grids(batch, 3)["reconstructions"]
    images = to_float(parts.data.images[:5])
    decoded = parts.system.reconstruct(images)
    torch.testing.assert_close(shown, torch.cat([images[:3], decoded[:3], images[3:], decoded[3:]]))


def bernoulli(precision="32-true", **options):
    return {"model": {"_target_": VAE, "likelihood": "bernoulli", **options}, "trainer": {"precision": precision}}


def test_a_bernoulli_likelihood_has_no_sigma_and_needs_float32():
    (line,) = problems(bernoulli(sigma=0.5), "model")
    assert line.startswith("model.sigma: a Bernoulli likelihood has no sigma")
    (line,) = problems(bernoulli("bf16-mixed"), "model")
    assert line.startswith("trainer.precision: a Bernoulli likelihood needs float32")
    assert problems(bernoulli(sigma=None), "model") == []
    assert problems(bernoulli("bf16-mixed", likelihood="gaussian", sigma=0.5), "model") == []


def test_steps_in_parts_are_those_of_the_batch(built):
    """Labels, noise and gradients of the parts are those of the whole, bits aside."""
    results = []
    for size in ("null", "4"):
        sgd = [line for line in SGD if "discriminator" not in line]
        of_classes = ["model.generator.conditional=true", "batch_size=8", "budget.images=16", "seed=3"]
        system = fit(built(f"model.microbatch={size}", *sgd, *of_classes))
        results.append((system.state_dict(), system.statistics.check()))
    torch.testing.assert_close(results[1][0], results[0][0], rtol=1e-4, atol=1e-6)
    assert results[1][1] == pytest.approx(results[0][1], rel=1e-4)
    with pytest.raises(ConfigError, match=r"model.generator compares all images of a batch \(BatchNorm1d"):
        built("model.microbatch=4", "model.generator.norm=batch", "batch_size=8").system.refuse_batch(1)
    (line,) = problems({"model": {"_target_": VAE, "microbatch": 3}, "batch_size": 8,
                        "trainer": {"devices": 1, "num_nodes": 1}}, "model")  # fmt: skip
    assert line.startswith("model.microbatch: 3 is no divisor of the 8 images of a step")
