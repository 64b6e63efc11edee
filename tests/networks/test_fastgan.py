import pytest
import torch
from awake import parameters, wake
from torch import nn
from torch.nn import functional

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks import fastgan
from gan_experiments.networks.fastgan import SIZES, FastGANGenerator


def facts(size=64, channels=3, num_classes=4):
    return DataFacts("images", size, channels, num_classes)


@pytest.mark.parametrize(("size", "count"), [(256, 29_127_654), (1024, 29_176_320)])
def test_parameters_are_those_of_the_authors(size, count, monkeypatch):
    """odegeasslbc/FastGAN-pytorch, models.py, without ``to_128``, the 192 weights of its second output."""
    monkeypatch.setattr(fastgan, "normalize_spectrally", lambda *_, **__: None)
    with torch.device("meta"):
        assert parameters(FastGANGenerator(facts(size))) == count


def normalized(maps, norm):
    mean, variance = (each[:, None, None] for each in (norm.running_mean, norm.running_var))
    maps = (maps - mean) / (variance + norm.eps).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
    value, gate = maps.chunk(2, dim=1)
    return value * torch.sigmoid(gate)


def reference(network, latents, size, repeats):
    """The generator of the paper's figure 3, written without its modules."""
    maps = functional.conv_transpose2d(latents[:, :, None, None], network.first[0].weight)
    maps = normalized(maps, network.first[1])
    by_size = {4: maps}
    while maps.shape[-1] < size:
        doubled = 2 * maps.shape[-1]
        block = network.blocks[str(doubled)]
        maps = maps.repeat_interleave(2, 2).repeat_interleave(2, 3)
        assert len(block.convolutions) == repeats[doubled]
        for index, convolution in enumerate(block.convolutions):
            maps = functional.conv2d(maps, convolution.weight, padding=1)
            if repeats[doubled] == 2:
                maps = maps + block.strengths[index] * block.noise
            maps = normalized(maps, block.norms[index])
        if doubled >= 64:
            _, narrow, _, wide, _ = network.excitations[str(doubled)]
            pooled = functional.adaptive_avg_pool2d(by_size[doubled // 16], 4)
            hidden = functional.conv2d(pooled, narrow.weight)
            maps = maps * torch.sigmoid(functional.conv2d(hidden * torch.sigmoid(hidden), wide.weight))
        by_size[doubled] = maps
    return functional.conv2d(maps, network.last.weight, network.last.bias, padding=1)


def test_it_is_the_generator_of_the_paper():
    torch.manual_seed(0)
    network, latents = wake(FastGANGenerator(facts(128), 5, channels=4)), torch.randn(3, 5)
    expected = reference(network, latents, 128, {8: 2, 16: 1, 32: 2, 64: 1, 128: 2}).tanh()
    torch.testing.assert_close(network(latents), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("form", "repeats"), [("projected", 2), ("lite", 1)])
def test_the_forms_of_projected_gans_have_latents_on_a_sphere_and_no_tanh(form, repeats):
    torch.manual_seed(0)
    network, latents = wake(FastGANGenerator(facts(64), 5, channels=4, form=form)), torch.randn(3, 5)
    nn.init.normal_(network.last.bias, 3.0)
    on_sphere = latents / (latents.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    expected = reference(network, on_sphere, 64, dict.fromkeys((8, 16, 32, 64), repeats))
    torch.testing.assert_close(network(latents), expected, rtol=1e-5, atol=1e-5)
    assert expected.max() > 1
    torch.testing.assert_close(network(7 * latents), expected, rtol=1e-4, atol=1e-4)


def test_every_weight_has_a_largest_singular_value_of_1():
    network = FastGANGenerator(facts(32), 5, channels=8, conditional=True)
    layers = [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    norms = [torch.linalg.matrix_norm(layer.weight.flatten(1), 2) for layer in layers]
    torch.testing.assert_close(torch.stack(norms), torch.ones(len(norms)), rtol=0.1, atol=0)


def test_noise_is_drawn_in_training_and_constant_in_evaluation():
    network, latents = FastGANGenerator(facts(32), 5, channels=4), torch.randn(2, 5)
    wake(network)
    assert torch.equal(network(latents), network(latents))
    network.train()
    assert not torch.allclose(network(latents), network(latents))


def test_labels_matter():
    network = FastGANGenerator(facts(32), 5, channels=4, form="projected", conditional=True).eval()
    images = network(torch.ones(4, 5), torch.arange(4))
    assert (images[0] - images[1:]).abs().amax(dim=(1, 2, 3)).min() > 1e-3


@pytest.mark.parametrize("size", SIZES[:3])
def test_images_of_every_size_and_number_of_channels(size):
    network = FastGANGenerator(facts(size, channels=1), 5, channels=1)
    assert network(torch.randn(2, 5)).shape == (2, 1, size, size)
    assert network.style_weight().shape == (2 * 16 * 16, 5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="32, 64, 128, 256, 512, 1024; images has 48"):
        FastGANGenerator(facts(48))
    with pytest.raises(ConfigError, match="labels"):
        FastGANGenerator(facts(num_classes=0), conditional=True)
