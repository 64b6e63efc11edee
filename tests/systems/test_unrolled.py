import copy

import pytest
import torch
from config_view import problems
from tiny import LARGE
from torch import nn
from torch.nn.functional import softplus

from gan_experiments.core.contracts import Loss, Step
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError
from gan_experiments.losses.began import BEGAN
from gan_experiments.networks.dcgan import DCGANDiscriminator
from gan_experiments.penalties.acgan import ACGAN
from gan_experiments.penalties.approximate_r2 import ApproximateR2
from gan_experiments.penalties.bcr import BCR
from gan_experiments.penalties.cr import CR
from gan_experiments.penalties.dragan import DRAGAN
from gan_experiments.penalties.feature_matching import FeatureMatching
from gan_experiments.penalties.latent_optimization import LatentOptimization
from gan_experiments.penalties.lecam import LeCam
from gan_experiments.penalties.max_gradient_penalty import MaxGradientPenalty
from gan_experiments.penalties.orthogonal import Orthogonal
from gan_experiments.penalties.path_length import PathLength
from gan_experiments.penalties.r1 import R1
from gan_experiments.penalties.r2 import R2
from gan_experiments.penalties.top_k import TopK
from gan_experiments.penalties.weight_clipping import WeightClipping
from gan_experiments.penalties.wgan_gp import WGANGP
from gan_experiments.penalties.zcr import ZCR
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.unrolled import _DifferentiableAdam, refuse_batch_norm, unrolled
from gan_experiments.training.build import build


class Logistic(Loss):
    def discriminator(self, real, fake):
        return softplus(-real).mean() + softplus(fake).mean()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1))

    def forward(self, images, labels=None):
        return self.body(images).squeeze(1)


class Unlabelled(nn.Sequential):
    def forward(self, images, labels=None):
        return super().forward(images)


@pytest.fixture
def setting():
    torch.manual_seed(0)
    network = Network()
    adam = torch.optim.Adam(network.parameters(), lr=0.05, betas=(0.5, 0.9))
    return network, adam, torch.randn(6, 1, 2, 2), torch.randn(6, 1, 2, 2, requires_grad=True)


def train(network, adam, real, fake, steps):
    for _ in range(steps):
        adam.zero_grad()
        Logistic().discriminator(network(real), network(fake)).backward()
        adam.step()


def ahead_of(network, optimizer, real, fake, steps, loss=None):
    loss = loss or Logistic()
    return unrolled(network, optimizer, lambda _: loss.discriminator(network(real), network(fake)), steps, [loss])


@pytest.mark.parametrize("before", [0, 3])
def test_it_is_the_discriminator_after_its_own_steps(setting, before):
    network, adam, real, fake = setting
    train(network, adam, real, fake.detach(), before)
    expected = ahead_of(network, adam, real, fake, 4)(network, fake)
    train(network, adam, real, fake.detach(), 4)
    torch.testing.assert_close(network(fake), expected, rtol=1e-4, atol=1e-5)


def test_the_discriminator_and_its_optimizer_stay_unchanged(setting):
    network, adam, real, fake = setting
    train(network, adam, real, fake.detach(), 1)
    before = copy.deepcopy((network.state_dict(), adam.state_dict()))
    ahead_of(network, adam, real, fake, 3)(network, fake).sum().backward()
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[0][name])
    for index, state in adam.state_dict()["state"].items():
        assert all(torch.equal(state[key], before[1]["state"][index][key]) for key in state)


def test_the_loss_stays_unchanged(setting):
    network, adam, real, fake = setting
    loss = BEGAN()
    ahead_of(network, adam, real, fake, 3, loss)
    assert loss.training
    assert all(torch.equal(value, BEGAN().state_dict()[name]) for name, value in loss.state_dict().items())
    assert loss.state_dict()


def test_the_gradient_flows_through_the_steps(setting):
    """Compared with finite differences; the gradient at the last step alone would differ from them."""
    network, adam, real, fake = setting
    network, real = network.double(), real.double()
    fake = fake.detach().double().requires_grad_()

    def value(images):
        return softplus(-ahead_of(network, adam, real, images, 2)(network, images)).mean()

    (gradient,) = torch.autograd.grad(value(fake), fake)
    for index in range(4):
        nudge = torch.zeros_like(fake)
        nudge.view(-1)[index] = 1e-5
        slope = (value(fake + nudge) - value(fake - nudge)) / 2e-5
        assert gradient.view(-1)[index].item() == pytest.approx(slope.item(), rel=1e-3)


@pytest.mark.parametrize("penalty", [R2, ApproximateR2, WGANGP, MaxGradientPenalty, BCR])
@pytest.mark.parametrize("full_precision", [True, False])
def test_the_gradient_flows_through_penalties_at_fakes(penalty, full_precision):
    torch.manual_seed(0)
    network = Unlabelled(nn.Flatten(), nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0)).double()
    adam = torch.optim.Adam(network.parameters(), lr=0.05, betas=(0.5, 0.9))
    real, start = (torch.randn(6, 1, 2, 2, dtype=torch.float64) for _ in range(2))

    def value(fakes):
        def objective(step):
            fake = fakes.view_as(fakes)
            outputs = network(real), network(fake)
            rng = Stream("noise", step)
            given = Step(None, network, None, None, None, real, fake, *outputs, full_precision, rng, 0)
            return Logistic().discriminator(*outputs) + penalty(1.0).discriminator(given)

        return softplus(-unrolled(network, adam, objective, 2)(network, fakes)).mean()

    fakes = start.requires_grad_()
    (gradient,) = torch.autograd.grad(value(fakes), fakes)
    for index in range(4):
        nudge = torch.zeros_like(fakes)
        nudge.view(-1)[index] = 1e-5
        slope = (value(fakes + nudge) - value(fakes - nudge)) / 2e-5
        assert gradient.view(-1)[index].item() == pytest.approx(slope.item(), rel=1e-3, abs=1e-7)


def test_other_optimizers_are_refused(setting):
    network, _, real, fake = setting
    sgd = torch.optim.SGD(network.parameters(), lr=0.1)
    with pytest.raises(ConfigError, match="unroll_steps"):
        ahead_of(network, sgd, real, fake, 1)


def unrolling(optimizer=torch.optim.Adam, precision="32-true", steps=1, **options):
    return {
        "model": {"_target_": GAN, "unroll_steps": steps},
        "optimizer": {"discriminator": {"_target_": optimizer, **options}},
        "trainer": {"precision": precision},
    }


@pytest.mark.parametrize(
    ("optimizer", "options", "given"),
    [
        (torch.optim.RMSprop, {}, "RMSprop"),
        (torch.optim.AdamW, {}, "AdamW"),
        (torch.optim.Adam, {"weight_decay": 0.1}, "Adam with weight_decay"),
        (torch.optim.Adam, {"weight_decay": 0.1, "amsgrad": True}, "Adam with weight_decay with amsgrad"),
    ],
)
def test_another_optimizer_than_adam_is_refused(optimizer, options, given):
    (line,) = problems(unrolling(optimizer, **options), "model")
    assert line.startswith("model.unroll_steps: works with torch.optim.Adam without weight_decay or amsgrad; ")
    assert line.endswith(f"optimizer.discriminator is {given}")
    assert problems(unrolling(optimizer, steps=0, **options), "model") == []


def test_adam_is_taken():
    assert problems(unrolling(weight_decay=0.0, amsgrad=False), "model") == []


def test_loss_scaling_is_refused_under_unrolling():
    (line,) = problems(unrolling(precision="16-mixed"), "model")
    assert line.startswith("trainer.precision: 16-mixed cannot be combined with model.unroll_steps")
    assert problems(unrolling(precision="16-mixed", steps=0), "model") == []
    assert problems(unrolling(precision="bf16-mixed"), "model") == []


@pytest.mark.parametrize(
    ("name", "penalty", "reason"),
    [
        ("acgan", ACGAN, "trains a class head"),
        ("matching", FeatureMatching, "compares features"),
        ("logan", LatentOptimization, "moves latents"),
        ("clipping", WeightClipping, "changes weights or follows them after a step"),
    ],
)
def test_penalties_that_cannot_be_unrolled_are_refused(name, penalty, reason):
    penalties = {"penalty": {name: {"_target_": penalty}}}
    (line,) = problems(unrolling() | penalties, "model")
    assert line.startswith(f"model.unroll_steps: does not work with penalty.{name}, which {reason}")
    assert problems(unrolling(steps=0) | penalties, "model") == []


@pytest.mark.parametrize(
    ("norm", "penalty", "refused"),
    [
        ("batch", R1, 1),
        ("none", R1, 0),
        ("batch", CR, 0),
        ("batch", PathLength, 0),
    ],  # G's alone
)
def test_batch_norm_cannot_be_differentiated_three_times(norm, penalty, refused):
    config = unrolling() | {"penalty": {"x": {"_target_": penalty}}}
    config["model"] |= {"discriminator": {"_target_": DCGANDiscriminator, "norm": norm}}
    found = [line for line in problems(config, "model") if "a third time" in line]
    assert len(found) == refused
    assert all(line.startswith("model.unroll_steps: differentiates penalty.x a third time") for line in found)


def test_batch_norm_is_found_where_no_option_names_it():
    refuse_batch_norm(nn.Sequential(nn.Linear(1, 1)), {"x": R1()})
    for penalty in (CR(), PathLength()):
        refuse_batch_norm(Network(), {"x": penalty})
    with pytest.raises(ConfigError, match=r"differentiates penalty.y a third time, .* batch norm \(body.2\)"):
        refuse_batch_norm(Network(), {"x": CR(), "y": R1()})


def test_a_discriminator_that_has_batch_norm_anyway_is_refused_before_the_run(tiny, tmp_path):
    config = tiny(*LARGE["fastgan"], "model=fastgan", "metrics=none", "model.unroll_steps=1", "penalty=wgan_gp")
    with pytest.raises(ConfigError, match=r"model.unroll_steps: differentiates penalty.wgan_gp a third time"):
        build(config, RunFolder(tmp_path / "run"))


@pytest.mark.parametrize("penalty", [R1, R2, WGANGP, DRAGAN, MaxGradientPenalty, CR, BCR, ZCR, LeCam, Orthogonal, TopK])
def test_the_other_penalties_are_unrolled(penalty):
    assert problems(unrolling() | {"penalty": {"other": {"_target_": penalty}}}, "model") == []


@pytest.mark.parametrize("largest", [0.01, 1e9])
def test_clipping_is_that_of_the_optimizer(setting, largest):
    network, adam, real, fake = setting
    objective = lambda _: Logistic().discriminator(network(real), network(fake))  # noqa: E731
    expected = unrolled(network, adam, objective, 1, clip=largest)(network, fake)
    objective(1).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), largest)
    adam.step()
    torch.testing.assert_close(network(fake), expected, rtol=1e-4, atol=1e-5)


def test_weights_that_are_fixed_or_unused_stay_as_they_are(setting):
    network, _, real, fake = setting
    network.body[1].requires_grad_(False)
    network.unused = nn.Linear(4, 1)
    adam = torch.optim.Adam([weight for weight in network.parameters() if weight.requires_grad], lr=0.05)
    train(network, adam, real, fake.detach(), 1)
    objective = lambda _: Logistic().discriminator(network(real), network(fake))  # noqa: E731
    network.requires_grad_(False)  # as in the generator's step
    expected = unrolled(network, adam, objective, 2, clip=0.1)(network, fake)
    for weight in adam.param_groups[0]["params"]:
        weight.requires_grad_()
    for _ in range(2):
        adam.zero_grad()
        objective(1).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        adam.step()
    torch.testing.assert_close(network(fake), expected, rtol=1e-4, atol=1e-5)


def test_weights_of_several_types_keep_them():
    weights = {"one": nn.Parameter(torch.ones(2)), "other": nn.Parameter(torch.ones(3, dtype=torch.bfloat16))}
    updates = _DifferentiableAdam(torch.optim.Adam(weights.values()), weights).updates(weights)
    assert {name: each.dtype for name, each in updates.items()} == {"one": torch.float32, "other": torch.bfloat16}
