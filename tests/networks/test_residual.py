import pytest
import torch
from torch import nn

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.layers import DiscriminatorBlock, SelfAttention
from gan_experiments.networks.residual import PLANS, ResidualDiscriminator, ResidualGenerator


def facts(size, classes=0):
    return DataFacts("images", size, 3, classes)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_of_sngan_on_cifar10():
    # PyTorch-StudioGAN, models/resnet.py at 32 pixels with its 64 channels; equal to table 4 of Miyato 2018 by hand.
    assert parameters(ResidualGenerator(facts(32))) == 4_276_739
    assert parameters(ResidualDiscriminator(facts(32))) == 1_053_825
    assert parameters(ResidualGenerator(facts(32, 10), conditional=True)) == 4_304_387
    assert parameters(ResidualDiscriminator(facts(32, 10), conditioning="projection")) == 1_055_105


def test_parameters_of_sagan_on_cifar10():
    # PyTorch-StudioGAN, models/resnet.py at 32 pixels with attention.
    more = {"attention": "half", "spectral_norm": True}
    assert parameters(ResidualGenerator(facts(32, 10), conditional=True, **more)) == 4_386_308
    discriminator = ResidualDiscriminator(facts(32, 10), wide=True, conditioning="projection", **more)
    assert parameters(discriminator) == 1_075_586


def test_parameters_of_sagan_on_imagenet():
    # PyTorch-StudioGAN at 128 pixels: together 81.5 million, as table 1 of Brock 2019 has it for SAGAN.
    with torch.device("meta"):
        generator = ResidualGenerator(facts(128, 1000), attention="half", conditional=True)
        more = {"attention": "half", "wide": True, "spectral_norm": False}
        discriminator = ResidualDiscriminator(facts(128, 1000), conditioning="projection", **more)
    assert (parameters(generator), parameters(discriminator)) == (42_017_412, 39_448_258)


def block(fan_in, fan_out, hidden=None):
    hidden = hidden or fan_in
    return 9 * hidden * (fan_in + fan_out) + hidden + fan_out + fan_in * fan_out + fan_out


@pytest.mark.parametrize(("size", "last"), [(48, block(512, 1024) + 1025), (64, block(512, 1024) + 1025)])
def test_parameters_at_48_and_64_pixels(size, last):
    """Table 5 of Miyato 2018, and the same authors' code for 64 pixels: they differ in the last halving only."""
    expected = block(3, 64, 64) + block(64, 128) + block(128, 256) + block(256, 512) + last
    with torch.device("meta"):
        assert parameters(ResidualDiscriminator(facts(size), spectral_norm=False)) == expected


# By hand: the size of the feature map behind every block. SNGAN: Miyato's snresnet_32, _64 and snresnet; SAGAN and
# BigGAN: BigGAN-PyTorch and PyTorch-StudioGAN, whose last block does not halve at 64 pixels.
MAPS = {
    (32, False): [16, 8, 8, 8],
    (32, True): [16, 8, 8, 8],
    (64, False): [32, 16, 8, 4, 2],
    (64, True): [32, 16, 8, 4, 4],
    (128, False): [64, 32, 16, 8, 4, 4],
    (128, True): [64, 32, 16, 8, 4, 4],
}


@pytest.mark.parametrize(("size", "wide"), MAPS)
@pytest.mark.parametrize("attention", ["none", "half", "quarter"])
def test_blocks_halve_feature_maps_as_in_the_authors_code(size, wide, attention):
    discriminator = ResidualDiscriminator(facts(size), channels=1, attention=attention, wide=wide)
    sizes = []
    for module in discriminator.modules():
        if isinstance(module, DiscriminatorBlock):
            module.register_forward_hook(lambda _, inputs, maps: sizes.append(maps.shape[-1]))
    discriminator(torch.randn(1, 3, size, size))
    assert sizes == MAPS[size, wide]


@pytest.mark.parametrize(("wide", "pixels"), [(False, 4), (True, 16)])
def test_features_at_64_pixels_sum_over_the_last_feature_map(wide, pixels):
    """Blocks that return zeros plus a bias of 1 in the last: each feature is the number of pixels of the last map."""
    discriminator = ResidualDiscriminator(facts(64), channels=1, wide=wide, spectral_norm=False)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.zero_()
        discriminator.layers[-1].conv2.bias.fill_(1.0)
    assert discriminator.features(torch.randn(2, 3, 64, 64)).eq(pixels).all()


def test_every_plan_reaches_the_size():
    assert tuple(PLANS) == ResidualGenerator.image_sizes == ResidualDiscriminator.image_sizes
    for size, plan in PLANS.items():
        assert plan.start * 2 ** (len(plan.generator) - 1) == size
        assert len(plan.discriminator) >= plan.halvings


@pytest.mark.parametrize("size", PLANS)
@pytest.mark.parametrize(("attention", "share"), [("half", 2), ("quarter", 4)])
def test_attention_is_on_maps_of_the_size_that_is_asked_for(size, attention, share):
    seen = []
    generator = ResidualGenerator(facts(size), channels=1, attention=attention)
    discriminator = ResidualDiscriminator(facts(size), channels=1, attention=attention)
    for network in (generator, discriminator):
        for module in network.modules():
            if isinstance(module, SelfAttention):
                module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
    discriminator(generator(torch.randn(2, 128)))
    assert seen == [size // share] * 2


def test_initialization_is_that_of_the_papers():
    torch.manual_seed(0)
    block = ResidualDiscriminator(facts(32), spectral_norm=False).layers[1]
    fan = 9 * 128 + 9 * 128
    assert block.conv1.weight.std().item() == pytest.approx(2**0.5 * (2 / fan) ** 0.5, rel=0.02)
    assert block.shortcut.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.02)
    network = ResidualDiscriminator(facts(8), channels=2, init="orthogonal", spectral_norm=False)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            assert not module.bias.any()
            weight = module.weight.flatten(1)
            gram = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
            torch.testing.assert_close(gram, torch.eye(len(gram)), atol=1e-5, rtol=0)


def test_spectral_norm_spares_the_normalizations_of_the_generator():
    generator = ResidualGenerator(facts(8, 3), channels=2, spectral_norm=True, conditional=True)
    names = {name.partition(".parametrizations")[0] for name, _ in generator.named_parameters() if "parametriz" in name}
    assert {"decoder.project.0", "decoder.last.2", "decoder.blocks.0.conv1"} <= names
    assert not any("gain" in name or "shift" in name for name in names)
