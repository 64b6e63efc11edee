"""What holds for every pair of residual and plain networks, at every size it claims, conditional or not."""

import pytest
import torch

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.autoencoder import AutoencoderDiscriminator
from gan_experiments.networks.biggan import BigGANGenerator
from gan_experiments.networks.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
from gan_experiments.networks.conditioning import Conditioning
from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_experiments.networks.fastgan_discriminator import FastGANDiscriminator
from gan_experiments.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_experiments.networks.patch_discriminator import PatchDiscriminator
from gan_experiments.networks.r3gan import R3GANDiscriminator
from gan_experiments.networks.residual import ResidualDiscriminator, ResidualGenerator
from gan_experiments.networks.sndcgan import SNDCGANDiscriminator, SNDCGANGenerator
from gan_experiments.networks.stylegan2 import StyleGAN2Discriminator
from gan_experiments.networks.transformer import TransformerDiscriminator

ATTENTION = {"attention": "quarter", "spectral_norm": True}
PAIRS = {
    "mlp": (MLPGenerator, {"hidden": [4]}, MLPDiscriminator, {"hidden": [4]}),
    "dcgan": (DCGANGenerator, {}, DCGANDiscriminator, {}),
    "sndcgan": (SNDCGANGenerator, {}, SNDCGANDiscriminator, {}),
    "sngan": (ResidualGenerator, {}, ResidualDiscriminator, {}),
    "sagan": (ResidualGenerator, ATTENTION, ResidualDiscriminator, {**ATTENTION, "wide": True}),
    "biggan": (
        BigGANGenerator,
        {"embedding_dim": 3},
        ResidualDiscriminator,
        {"attention": "half", "init": "orthogonal"},
    ),
    "biggan_deep": (
        BigGANDeepGenerator,
        {"embedding_dim": 3, "attention": "quarter"},
        BigGANDeepDiscriminator,
        {"attention": "quarter"},
    ),
}
CONDITIONINGS = Conditioning.__args__
CASES = [
    pytest.param(name, size, conditioning, id=f"{name}-{size}-{conditioning}")
    for row, name in enumerate(PAIRS)
    for place, size in enumerate(PAIRS[name][0].image_sizes or (1, 13))
    for conditioning in ("none", CONDITIONINGS[1 + (row + place) % 6])
]


def pair(name, facts, conditioning="none"):
    make_generator, options, make_discriminator, more = PAIRS[name]
    width = {} if name == "mlp" else {"channels": 1 if facts.image_size > 32 else 2}
    torch.manual_seed(0)
    conditional = conditioning != "none"
    generator = make_generator(facts, latent_dim=60, **width, **options, conditional=conditional)
    return generator, make_discriminator(facts, **width, **more, conditioning=conditioning)


@pytest.mark.parametrize(("name", "size", "conditioning"), CASES)
def test_forward_and_backward_at_every_size(name, size, conditioning):
    facts = DataFacts("images", size, 3, num_classes=4)
    generator, discriminator = pair(name, facts, conditioning)
    labels = torch.tensor([3, 0])
    images = generator(10 * torch.randn(2, 60), labels)
    assert images.shape == (2, 3, size, size)
    assert images.abs().max() <= 1
    output, features = discriminator.forward_with_features(images, labels)
    assert output.shape == (2,)
    assert features.shape == (2, discriminator.head.in_features)
    assert discriminator.conditional == generator.conditional == (conditioning != "none")
    loss = output.square().sum()
    if "classifier" in conditioning:
        loss = loss + discriminator.class_head(features).square().sum()
    elif conditioning == "contrastive":
        loss = loss + sum(vectors[:, 0].sum() for vectors in discriminator.class_head(features, labels))
    loss.backward()
    for network in (generator, discriminator):
        gradients = [parameter.grad for parameter in network.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "mlp"])
def test_other_sizes_are_refused(name):
    fits = ", ".join(map(str, PAIRS[name][0].image_sizes))
    for make in (PAIRS[name][0], PAIRS[name][2]):
        with pytest.raises(ConfigError, match=f"{fits}; images has 40"):
            make(DataFacts("images", 40, 3))


@pytest.mark.parametrize("name", PAIRS)
def test_the_class_matters_to_the_generator(name):
    generator, _ = pair(name, DataFacts("images", 8, 3, num_classes=4), "projection")
    for key, parameter in generator.named_parameters():
        if "gain" in key or "shift" in key:  # tables that start at 0
            torch.nn.init.normal_(parameter)
    latents = torch.randn(1, 60).expand(4, -1)
    images = generator.eval()(latents, torch.arange(4))
    assert all(not torch.allclose(images[0], other) for other in images[1:])


@pytest.mark.parametrize("name", PAIRS)
def test_memory_format_does_not_matter(name):
    generator, discriminator = pair(name, DataFacts("images", 16, 3, num_classes=4), "projection")
    latents, labels = torch.randn(2, 60), torch.tensor([1, 2])
    images = generator.eval()(latents, labels)
    output = discriminator.eval()(images, labels)
    turned = generator.to(memory_format=torch.channels_last)(latents, labels)
    torch.testing.assert_close(turned, images, rtol=1e-4, atol=1e-5)
    turned = turned.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        discriminator.to(memory_format=torch.channels_last)(turned, labels), output, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("name", PAIRS)
def test_gradient_penalties_can_be_differentiated(name):
    generator, discriminator = pair(name, DataFacts("images", 8, 3, num_classes=4), "projection")
    labels = torch.tensor([1, 2, 3])
    images = generator(torch.randn(3, 60), labels).detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(images, labels).sum(), images, create_graph=True)
    slope.square().sum().backward()
    gradients = [parameter.grad for parameter in discriminator.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


PATCHES = {"width": 16, "depth": 2, "heads": 2, "patch": 4}
PACKING = {
    **{name: (make, options) for name, (_, _, make, options) in PAIRS.items()},
    "autoencoder": (AutoencoderDiscriminator, {}),
    "r3gan": (R3GANDiscriminator, {}),
    "stylegan2": (StyleGAN2Discriminator, {}),
    "stylegan2_skip": (StyleGAN2Discriminator, {"form": "skip"}),
    "transformer": (TransformerDiscriminator, PATCHES),
    "fastgan": (FastGANDiscriminator, {}),
    "patch": (PatchDiscriminator, {}),
}


@pytest.mark.parametrize("name", PACKING)
def test_packs_are_images_with_more_channels(name):
    """The same weights without packing, on images of three times as many channels."""
    make, options = PACKING[name]
    options, size = options if name in ("mlp", "transformer") else {"channels": 2, **options}, 8
    if name == "fastgan":
        size = 32
    torch.manual_seed(0)
    packed = make(DataFacts("images", size, 2), packing=3, **options)
    plain = make(DataFacts("images", size, 6), **options)
    plain.load_state_dict(packed.state_dict())
    images = torch.randn(12, 2, size, size)
    joined = torch.stack([torch.cat(list(images[first : first + 3])) for first in range(0, 12, 3)])
    packed.eval(), plain.eval()
    output = packed(images)
    assert len(output) == 4
    torch.testing.assert_close(output, plain(joined))
    if name == "patch":
        return  # it has no features
    torch.testing.assert_close(packed.features(images), plain.features(joined))
    if name == "fastgan":
        given, quarters = packed.features(images), torch.tensor([0, 1, 2, 3])
        for one, other in zip(packed.reconstruct(given, images, quarters), plain.reconstruct(given, joined, quarters),
                              strict=True):  # fmt: skip
            torch.testing.assert_close(one, other)
            assert one[0].shape == one[1].shape == (4, 6, 16, 16)
