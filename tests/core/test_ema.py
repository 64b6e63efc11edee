import copy

import pytest
import torch
from torch import nn

from gan_experiments.core.ema import GeneratorEMA
from gan_experiments.core.types import DataFacts
from gan_experiments.networks.dcgan import DCGANGenerator


def network(value):
    return nn.utils.parameters_to_vector(value.parameters())


def steps(net, count):
    for _ in range(count):
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter))
        yield net


def test_average_is_the_closed_form():
    net, half_life, images = nn.Linear(3, 2), 100.0, 32
    ema, seen = GeneratorEMA(net, half_life), [network(net).clone()]
    for moved in steps(net, 10):
        ema.update(moved, images)
        seen.append(network(moved).clone())
    # The k-th last network counts (1 - d) d^k, and the first, which the average starts from, what remains.
    ages = torch.arange(10, -1, -1, dtype=torch.float64)
    decay = 0.5 ** (images / half_life)
    weights = decay**ages * (1 - decay)
    weights[0] /= 1 - decay
    expected = (weights[:, None] * torch.stack(seen).double()).sum(0)
    torch.testing.assert_close(network(ema.module), expected.float(), rtol=1e-5, atol=1e-5)


def test_half_life_is_in_images_however_they_are_split():
    first, last = nn.Linear(3, 2), nn.Linear(3, 2)
    averages = []
    for updates in (1, 4, 16):
        ema = GeneratorEMA(first, half_life=64.0)
        for _ in range(updates):
            ema.update(last, 64 // updates)
        averages.append(network(ema.module))
    torch.testing.assert_close(averages[0], (network(first) + network(last)).detach() / 2)
    torch.testing.assert_close(averages[1], averages[0])
    torch.testing.assert_close(averages[2], averages[0])


def test_no_half_life_follows_the_network():
    net = nn.Linear(3, 2)
    ema = GeneratorEMA(net, 0)
    for moved in steps(net, 3):
        ema.update(moved, 16)
        assert torch.equal(network(ema.module), network(moved))


def test_buffers_are_copied():
    net = nn.BatchNorm1d(3)
    ema = GeneratorEMA(net, 1e9)
    net(torch.randn(8, 3) + 5)
    ema.update(net, 8)
    for averaged, current in zip(ema.module.buffers(), net.buffers(), strict=True):
        assert torch.equal(averaged, current)


def test_average_takes_no_gradient_and_shares_nothing():
    net = nn.Linear(3, 2)
    ema = GeneratorEMA(net, 100)
    assert not any(parameter.requires_grad for parameter in ema.parameters())
    assert all(parameter.requires_grad for parameter in net.parameters())
    before = network(ema.module).clone()
    next(steps(net, 1))
    assert torch.equal(network(ema.module), before)


def test_update_leaves_the_gradient_of_the_network_alone():
    net = nn.Linear(3, 2)
    net(torch.ones(1, 3)).sum().backward()
    gradient = net.weight.grad.clone()
    GeneratorEMA(net, 100).update(net, 8)
    assert net.weight.requires_grad
    assert torch.equal(net.weight.grad, gradient)


def test_state_dict_carries_everything(tmp_path):
    net = DCGANGenerator(DataFacts("x", 8, 1), latent_dim=4, channels=4)
    ema = GeneratorEMA(net, 100)
    ema.update(next(steps(net, 1)), 8)
    assert set(ema.state_dict()) == {f"module.{key}" for key in net.state_dict()}
    torch.save(ema.state_dict(), tmp_path / "ema.ckpt")
    resumed = GeneratorEMA(copy.deepcopy(net), 100)
    resumed.load_state_dict(torch.load(tmp_path / "ema.ckpt", weights_only=True))
    moved = next(steps(net, 1))
    for average in (ema, resumed):
        average.update(moved, 8)
    assert torch.equal(network(ema.module), network(resumed.module))
    latents = torch.randn(2, 4)
    assert torch.equal(ema.eval()(latents), resumed.module.eval()(latents))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_memory_format_stays(layout):
    net = DCGANGenerator(DataFacts("x", 8, 1), channels=4).to(memory_format=layout)
    ema = GeneratorEMA(net, 100)
    ema.update(net, 8)
    kernels = [weight for weight in ema.parameters() if weight.dim() == 4]
    assert all(weight.is_contiguous(memory_format=layout) for weight in kernels)


def test_the_average_equals_the_network_until_it_starts():
    net = nn.Linear(3, 2)
    ema, seen = GeneratorEMA(net, 1e9, start=32), 0
    for moved in steps(net, 6):
        kept = network(moved).clone()
        ema.update(moved, 16, seen)
        assert torch.equal(network(ema.module), kept) == (seen < 32)
        seen += 16


def test_the_ramp_up_keeps_the_half_life_a_share_of_the_images_seen():
    """StyleGAN2-ADA, training_loop.py: ``min(ema_nimg, cur_nimg * ema_rampup)``."""
    net = nn.Linear(3, 2)
    ema, expected = GeneratorEMA(net, 10.0, rampup=0.25), network(net).clone()
    for index, moved in enumerate(steps(net, 8)):
        seen = 16 * index
        beta = 0.5 ** (16 / max(min(10.0, 0.25 * seen), 1e-8))
        expected = network(moved).lerp(expected, beta)
        ema.update(moved, 16, seen)
        torch.testing.assert_close(network(ema.module), expected)


def test_a_half_life_beyond_the_run_leaves_little_of_the_initial_weights_with_a_ramp_up():
    """The share of the first weights in the average after 800,000 images, at ReACGAN's half-life."""
    net = nn.Linear(1, 1, bias=False)
    shares = {}
    for rampup in (None, 0.05):
        nn.init.ones_(net.weight)
        ema = GeneratorEMA(net, 4_440_000, rampup=rampup)
        nn.init.zeros_(net.weight)
        for seen in range(0, 800_000, 3200):
            ema.update(net, 3200, seen)
        shares[rampup] = ema.module.weight.item()
    assert shares[None] > 0.88
    assert shares[0.05] < 1e-6


def test_a_moved_average_goes_on_with_its_new_buffers():
    net = nn.BatchNorm1d(3)
    ema = GeneratorEMA(net, 0)
    ema.update(net, 8)
    system = nn.ModuleList([net, ema]).double()
    net.running_mean.fill_(2.0)
    ema.update(net, 8)
    assert torch.equal(ema.module.running_mean, net.running_mean)
    assert system[1].module.running_mean.dtype == torch.float64
