import pytest
import torch
from awake import parameters, wake
from config_view import problems, warnings
from torch.nn import functional

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks import fastgan_discriminator
from gan_experiments.networks.fastgan import SIZES
from gan_experiments.networks.fastgan_discriminator import FastGANDiscriminator
from gan_experiments.penalties.reconstruction import Reconstruction
from gan_experiments.penalties.wgan_gp import WGANGP


def facts(size=64, channels=3):
    return DataFacts("images", size, channels)


@pytest.mark.parametrize(("size", "count"), [(256, 11_526_160), (1024, 11_528_192)])
def test_parameters_are_those_of_the_authors(size, count, monkeypatch):
    """odegeasslbc/FastGAN-pytorch, models.py, decoders included."""
    monkeypatch.setattr(fastgan_discriminator, "normalize_spectrally", lambda *_, **__: None)
    with torch.device("meta"):
        assert parameters(FastGANDiscriminator(facts(size))) == count


def layer(maps, sequence, index, **options):
    """Convolution, batch norm and LeakyReLU, the layers from ``index`` on."""
    convolution, norm = sequence[index], sequence[index + 1]
    maps = functional.batch_norm(
        functional.conv2d(maps, convolution.weight, **options),
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
    )
    return torch.maximum(maps, 0.2 * maps)


def test_it_is_the_discriminator_of_the_paper():
    """Figure 4 of the paper, from images of 64 pixels: 64 -> 32 -> 16 -> 8, the last excited by the first."""
    torch.manual_seed(0)
    network, images = wake(FastGANDiscriminator(facts(), channels=4)), torch.randn(3, 3, 64, 64)
    first = functional.leaky_relu(functional.conv2d(images, network.first[0].weight, padding=1), 0.2)
    maps = [first]
    for size in (32, 16, 8):
        block = network.blocks[str(size)]
        main = layer(layer(maps[-1], block.main, 0, stride=2, padding=1), block.main, 3, padding=1)
        maps.append((main + layer(functional.avg_pool2d(maps[-1], 2), block.direct, 0)) / 2)
    _, narrow, _, wide, _ = network.excitations["8"]
    hidden = functional.conv2d(functional.adaptive_avg_pool2d(first, 4), narrow.weight)
    last = maps[-1] * torch.sigmoid(functional.conv2d(hidden * torch.sigmoid(hidden), wide.weight))
    small = functional.leaky_relu(
        functional.conv2d(images[:, :, ::2, ::2], network.small[0].weight, stride=2, padding=1), 0.2
    )
    small = layer(small, network.small, 2, stride=2, padding=1)
    logits = functional.conv2d(layer(last, network.head, 0), network.head[3].weight)
    of_small = functional.conv2d(small, network.small_head.weight)
    expected = torch.cat([logits, of_small], dim=1)
    assert expected.shape == (3, 2, 5, 5)
    torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-5)
    features = torch.cat([each.flatten(1) for each in (maps[2], last, small)], dim=1)
    torch.testing.assert_close(network.features(images), features, rtol=1e-5, atol=1e-5)


def test_reconstructions_are_of_the_images_and_of_one_quarter():
    network, images = FastGANDiscriminator(facts(), channels=4).eval(), torch.randn(4, 3, 64, 64)
    features = network.features(images)
    (part, corner), (whole, same), (small, again) = network.reconstruct(features, images, torch.arange(4))
    for row, corners in enumerate([images[0, :, :32, :32], images[1, :, :32, 32:]]):
        assert torch.equal(corner[row], corners)
    assert torch.equal(corner[2], images[2, :, 32:, :32])
    assert torch.equal(corner[3], images[3, :, 32:, 32:])
    assert torch.equal(same, images[:, :, ::2, ::2])
    assert torch.equal(again, same)
    assert {made.shape for made in (part, whole, small)} == {(4, 3, 32, 32)}
    assert max(made.abs().max() for made in (part, whole, small)) <= 1
    middle, _, _ = network._maps(features)
    alone = network.decoders[0](middle[1:2, :, :8, 8:])
    torch.testing.assert_close(part[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", SIZES[:4])
def test_every_size(size):
    network = FastGANDiscriminator(facts(size, channels=1), channels=1)
    images = torch.randn(2, 1, size, size)
    output, features = network.forward_with_features(images)
    assert output.shape == (2, 2, 5, 5)
    made = [made for made, _ in network.reconstruct(features, images, torch.zeros(2, dtype=torch.long))]
    assert {each.shape[-1] for each in made} == {min(128, size // 2)}
    (output.sum() + sum(each.sum() for each in made)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="32, 64, 128, 256, 512, 1024; images has 48"):
        FastGANDiscriminator(facts(48))


def test_decoders_that_nothing_trains_are_warned_of():
    model = {"model": {"discriminator": {"_target_": FastGANDiscriminator}}}
    assert problems(model, "model.discriminator") == []
    assert warnings(model, "model.discriminator") == [
        "model.discriminator: no penalty trains its decoders; take penalty=reconstruction"
    ]
    assert warnings(model | {"penalty": {"any": {"_target_": Reconstruction}}}, "model.discriminator") == []


def test_penalties_on_the_gradient_of_each_image_are_warned_of():
    penalties = {"a": {"_target_": Reconstruction}, "b": {"_target_": WGANGP}}
    config = {"model": {"discriminator": {"_target_": FastGANDiscriminator}}, "penalty": penalties}
    (line,) = warnings(config, "model.discriminator")
    assert "'batch norm' with penalty.b" in line
