import pytest
import torch
from torch import nn

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks import residual
from gan_experiments.networks.biggan import BigGANGenerator
from gan_experiments.networks.residual import ResidualDiscriminator


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_on_cifar10():
    # PyTorch-StudioGAN, models/big_resnet.py at 32 pixels: its BigGAN and ReACGAN on CIFAR-10.
    facts = DataFacts("images", 32, 3, 10)
    assert parameters(BigGANGenerator(facts, latent_dim=80, conditional=True)) == 9_416_196
    more = {"channels": 96, "attention": "half", "wide": True}
    assert parameters(ResidualDiscriminator(facts, conditioning="projection", **more)) == 2_415_170
    assert parameters(ResidualDiscriminator(facts, conditioning="classifier", **more)) == 2_415_170
    assert parameters(ResidualDiscriminator(facts, conditioning="contrastive", **more)) == 2_517_186


def test_parameters_on_imagenet():
    # ajbrock/BigGAN-PyTorch and PyTorch-StudioGAN at 128 pixels; 158.3 million in table 1 of the paper.
    facts = DataFacts("images", 128, 3, 1000)
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.init, "orthogonal_", lambda weight: weight)
        generator = BigGANGenerator(facts, spectral_norm=False, conditional=True)
        more = {"channels": 96, "attention": "half", "wide": True, "spectral_norm": False}
        discriminator = ResidualDiscriminator(facts, conditioning="projection", **more)
    assert (parameters(generator), parameters(discriminator)) == (70_433_988, 87_982_370)


@pytest.mark.parametrize("conditional", [False, True])
def test_each_block_sees_its_part_of_the_latent_and_the_class(conditional):
    torch.manual_seed(0)
    generator = BigGANGenerator(DataFacts("images", 8, 3, 4), 12, 1, embedding_dim=5, conditional=conditional)
    seen = []
    for block in generator.decoder.blocks:
        block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    generator.decoder.project.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    latents, labels = torch.randn(2, 12), torch.tensor([3, 1])
    generator(latents, labels)
    shown = [generator.embedding.weight[labels]] if conditional else []
    expected = [latents[:, :4], *(torch.cat([*shown, part], dim=1) for part in (latents[:, 4:8], latents[:, 8:]))]
    for given, wanted in zip(seen, expected, strict=True):
        assert torch.equal(given, wanted)


@pytest.mark.parametrize("size", residual.PLANS)
def test_the_default_latent_fits_every_size(size):
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.init, "orthogonal_", lambda weight: weight)
        BigGANGenerator(DataFacts("images", size, 3), spectral_norm=False)


def test_a_latent_that_cannot_be_parted_is_refused_with_those_that_can():
    with pytest.raises(ConfigError, match=r"latent_dim: 128 is not a multiple of 3; 126 and 129 are"):
        BigGANGenerator(DataFacts("images", 8, 3), latent_dim=128)
    with pytest.raises(ConfigError, match=r"2 is not a multiple of 3; 3 is"):
        BigGANGenerator(DataFacts("images", 8, 3), latent_dim=2)


def test_weights_are_orthogonal():
    torch.manual_seed(0)
    generator = BigGANGenerator(DataFacts("images", 8, 3, 4), channels=2, spectral_norm=False, conditional=True)
    weight = generator.embedding.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(4), atol=1e-5, rtol=0)
    weight = generator.decoder.blocks[0].conv1.weight.flatten(1)
    torch.testing.assert_close(weight @ weight.T, torch.eye(len(weight)), atol=1e-5, rtol=0)


def test_the_class_embedding_of_the_discriminator_is_orthogonal():
    """BigGAN-PyTorch, ``init_weights``: all embeddings; those of SNGAN stay Xavier uniform."""
    torch.manual_seed(0)
    more = {"conditioning": "projection", "spectral_norm": False}
    weight = ResidualDiscriminator(DataFacts("images", 8, 3, 4), 2, init="orthogonal", **more).projection.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(4), atol=1e-5, rtol=0)
