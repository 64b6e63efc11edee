import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d, instance_norm, pad, relu

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.resnet_translator import ResNetTranslator
from gan_experiments.networks.translation_layers import BlurDownsample, BlurUpsample


def resnet(size=16, ins=3, outs=3, **options):
    return ResNetTranslator(DataFacts("x", size, outs, input_channels=ins), **options)


@pytest.mark.parametrize(("blocks", "published"), [(6, 7_837_699), (9, 11_378_179)])
def test_it_has_as_many_weights_as_published(blocks, published):
    """The counts that pytorch-CycleGAN-and-pix2pix prints for resnet_6blocks and resnet_9blocks: 7.838 and 11.378 M."""
    with torch.device("meta"):
        assert sum(each.numel() for each in resnet(blocks=blocks).parameters()) == published


@pytest.mark.parametrize("antialias", [False, True])
def test_it_is_the_network_of_the_paper(antialias):
    """c7s1-k, d2k, d4k, R4k ..., u2k, uk, c7s1 in the appendix of Zhu et al. 2017."""
    torch.manual_seed(0)
    network = resnet(12, 2, 1, channels=3, blocks=2, antialias=antialias)
    weights = iter(network.parameters())

    def convolve(x, stride=1, border=0, up=False):
        kernel, bias = next(weights), next(weights)
        x = pad(x, (border,) * 4, mode="reflect") if border else x
        if up:
            return conv_transpose2d(x, kernel, bias, 2, 1, 1)
        return conv2d(x, kernel, bias, stride, 0 if border else 1)

    given = x = torch.randn(2, 2, 12, 12)
    seen = [pad(x, (3,) * 4, mode="reflect")]
    x = relu(instance_norm(convolve(x, border=3)))
    for _ in range(2):
        x = convolve(x, stride=1 if antialias else 2)
        seen.append(x)
        x = relu(instance_norm(x))
        x = BlurDownsample()(x) if antialias else x
    for _ in range(2):
        y = relu(instance_norm(convolve(x, border=1)))
        x = x + instance_norm(convolve(y, border=1))
        seen.append(x)
    for _ in range(2):
        x = convolve(BlurUpsample()(x)) if antialias else convolve(x, up=True)
        x = relu(instance_norm(x))
    x = convolve(x, border=3).tanh()
    torch.testing.assert_close(network(given), x)
    features = network.encode(given)
    torch.testing.assert_close(features, seen)
    assert network.feature_channels() == [maps.shape[1] for maps in features]


@pytest.mark.parametrize("blocks", [1, 2, 6, 9])
def test_features_are_of_five_depths_whatever_the_number_of_blocks(blocks):
    network = resnet(8, channels=2, blocks=blocks)
    features = network.encode(torch.randn(1, 3, 8, 8))
    assert network.feature_channels() == [maps.shape[1] for maps in features]


def test_it_takes_other_sizes_than_it_was_built_for():
    assert resnet(8, channels=2, blocks=1)(torch.randn(1, 3, 20, 12)).shape == (1, 3, 20, 12)


@pytest.mark.parametrize("size", [4, 30])
def test_sizes_that_cannot_be_halved_twice_are_refused(size):
    with pytest.raises(ConfigError, match=f"takes multiples of 4 pixels from 8 on; x has {size}"):
        resnet(size)
