import torch
from config_view import warnings
from torch import nn

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.sndcgan import SNDCGANDiscriminator, SNDCGANGenerator
from gan_experiments.penalties.wgan_gp import WGANGP


def convolution(fan_in, fan_out, size):
    return fan_in * fan_out * size**2 + fan_out


def test_parameters_are_those_of_the_table():
    """Miyato 2018, table 3, at 32 pixels, every layer with a bias."""
    facts = DataFacts("images", 32, 3)
    doublings = [convolution(fan_in, fan_in // 2, 4) + fan_in for fan_in in (512, 256, 128)]  # batch norm: 2 * fan_out
    expected = 128 * 8192 + 8192 + sum(doublings) + convolution(64, 3, 3)
    assert sum(p.numel() for p in SNDCGANGenerator(facts).parameters()) == expected == 3_812_355
    widths = [(3, 64, 3), (64, 64, 4), (64, 128, 3), (128, 128, 4), (128, 256, 3), (256, 256, 4), (256, 512, 3)]
    expected = sum(convolution(*width) for width in widths) + 512 * 16 + 1
    assert sum(p.numel() for p in SNDCGANDiscriminator(facts).parameters()) == expected == 2_935_873


def test_sizes_can_be_halved_to_the_smallest_maps():
    assert tuple(SNDCGANGenerator.side_multiple) == SNDCGANGenerator.image_sizes
    assert all(size % multiple == 0 for size, multiple in SNDCGANGenerator.side_multiple.items())


def test_spectral_norm_makes_every_layer_one_lipschitz():
    discriminator = SNDCGANDiscriminator(DataFacts("images", 8, 1), channels=2)
    for _ in range(80):
        discriminator(torch.randn(2, 1, 8, 8))
    discriminator.eval()
    layers = [module for module in discriminator.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 6
    for layer in layers:
        assert abs(torch.linalg.matrix_norm(layer.weight.flatten(1), 2) - 1) < 5e-3


def test_batch_norm_and_slope_of_the_discriminator_are_options():
    discriminator = SNDCGANDiscriminator(DataFacts("images", 8, 1), 2, norm="batch", slope=0, spectral_norm=False)
    kinds = [type(module) for module in discriminator.layers]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 5 + [nn.Flatten]
    options = {"_target_": SNDCGANDiscriminator, "norm": "batch"}
    config = {"model": {"discriminator": options}, "penalty": {"it": {"_target_": WGANGP}}}
    (line,) = warnings(config, "model.discriminator")
    assert line.startswith("model.discriminator.norm: 'batch' with penalty.it")
