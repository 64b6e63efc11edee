import pytest
import torch
from torch import nn

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.unet import UNetTranslator


def unet(size=256, ins=3, outs=3, **options):
    return UNetTranslator(DataFacts("x", size, outs, input_channels=ins), **options)


def test_it_has_as_many_weights_as_published():
    """The count that pytorch-CycleGAN-and-pix2pix prints for unet_256: 54.414 M."""
    with torch.device("meta"):
        assert sum(each.numel() for each in unet().parameters()) == 54_413_955


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("size", [8, 28, 32])
def test_it_is_the_recursion_of_the_paper(size, norm):
    """A stage: activate, halve, normalize, the stage inside, activate, double, normalize; its input beside that."""
    torch.manual_seed(0)
    network = unet(size, 1, 2, channels=3, norm=norm).eval()
    last = len(network.down) - 1

    def inside(x, stage):
        y = network.down[stage](nn.LeakyReLU(0.2)(x) if stage else x)
        if 0 < stage < last and norm != "none":
            y = network.down_norm[stage](y)
        if stage < last:
            y = torch.cat([y, inside(y, stage + 1)], 1)
        y = network.up[stage](y.relu())
        return network.up_norm[stage](y) if stage and norm != "none" else y

    x = torch.randn(2, 1, size, size)
    power = 2 ** (last + 1)
    padded = nn.functional.pad(x, (0, power - size, 0, power - size), mode="replicate")
    torch.testing.assert_close(network(x), inside(padded, 0).tanh()[..., :size, :size])


def test_noise_is_drawn_from_a_stream_and_only_if_there_is_one():
    network = unet(32, channels=4).eval()
    x = torch.randn(3, 3, 32, 32)
    assert torch.equal(network(x), network(x))
    assert torch.equal(network(x, Stream(0)), network(x, Stream(0)))
    assert not torch.equal(network(x, Stream(0)), network(x, Stream(1)))
    assert torch.equal(unet(32, channels=4, noise=False).eval()(x, Stream(0)).isfinite(), torch.ones_like(x).bool())
    quiet = unet(32, channels=4, noise=False).eval()
    assert torch.equal(quiet(x, Stream(0)), quiet(x, Stream(1)))


def test_two_processes_draw_the_noise_of_one():
    network, x = unet(16, channels=4, norm="instance"), torch.randn(4, 3, 16, 16)
    halves = [network(x[2 * rank :][:2], Stream(0, rank=rank, world_size=2)) for rank in (0, 1)]
    torch.testing.assert_close(torch.cat(halves), network(x, Stream(0)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [2, 2048])
def test_other_sizes_are_refused(size):
    with pytest.raises(ConfigError, match=f"a U-Net takes images of 4 to 1024 pixels; x has {size}"):
        unet(size)


def test_a_dataset_without_inputs_is_refused():
    with pytest.raises(ConfigError, match="UNetTranslator translates images; x has no inputs"):
        UNetTranslator(DataFacts("x", 8, 1))
