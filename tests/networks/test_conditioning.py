"""The ways a discriminator learns of classes, each against its formula."""

import numpy as np
import pytest
import torch
from config_view import problems

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.conditioning import EMBEDDING_DIM
from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_experiments.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_experiments.penalties.acgan import ACGAN
from gan_experiments.penalties.r1 import R1
from gan_experiments.penalties.reacgan import ReACGAN

FACTS = DataFacts("images", 8, 3, num_classes=4)
LABELS = torch.tensor([0, 3, 3, 1, 2])


def discriminator(conditioning, kind=MLPDiscriminator):
    torch.manual_seed(0)
    return kind(FACTS, conditioning=conditioning).double()


@pytest.fixture
def images():
    return torch.randn(5, 3, 8, 8, dtype=torch.float64)


def test_projection_adds_the_product_of_features_and_the_vector_of_the_class(images):
    network = discriminator("projection")
    features = network.features(images).detach().numpy()
    table, weight = network.projection.weight.detach().numpy(), network.head.weight.detach().numpy()[0]
    expected = [row @ (weight + table[label]) for row, label in zip(features, LABELS.tolist(), strict=True)]
    output, given = network.forward_with_features(images, LABELS)
    np.testing.assert_allclose(output.detach(), np.array(expected) + network.head.bias.item(), rtol=1e-10)
    assert torch.equal(given, network.features(images))
    assert torch.equal(network(images, LABELS), output)


@pytest.mark.parametrize("conditioning", ["classifier", "twin_classifier", "contrastive"])
def test_a_class_head_leaves_the_output_alone(conditioning, images):
    network = discriminator(conditioning)
    plain = network.head(network.features(images)).squeeze(1)
    torch.testing.assert_close(network(images, LABELS), plain)
    assert torch.equal(network(images, LABELS), network(images, LABELS.flip(0)))


def test_the_head_of_contrasts_gives_unit_vectors(images):
    network = discriminator("contrastive")
    embedded, proxies = network.class_head(network.features(images), LABELS)
    for vectors in (embedded, proxies):
        assert vectors.shape == (5, EMBEDDING_DIM)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(5, dtype=torch.float64))
    assert torch.equal(proxies[1], proxies[2])


@pytest.mark.parametrize("kind", [MLPDiscriminator, DCGANDiscriminator])
def test_concatenation_shows_the_class_and_nothing_else(kind, images):
    network = discriminator("concatenation", kind).eval()
    assert not torch.allclose(network(images, LABELS), network(images, (LABELS + 1) % 4))
    seen = []
    network.layers[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(images, LABELS)
    planes = seen[0].reshape(5, -1)[:, images[0].numel() :].reshape(5, 4, -1)
    assert torch.equal(planes[..., 0], torch.nn.functional.one_hot(LABELS, 4).double())
    assert torch.equal(planes, planes[..., :1].expand_as(planes))


@pytest.mark.parametrize("kind", [MLPGenerator, DCGANGenerator])
def test_a_generator_sees_the_class_beside_the_latent(kind):
    generator = kind(FACTS, latent_dim=6, conditional=True).eval()
    latents = torch.randn(5, 6)
    weight = generator.layers[0].weight
    expected = latents @ weight[:, :6].T + weight[:, 6:].T[LABELS]
    if generator.layers[0].bias is not None:
        expected = expected + generator.layers[0].bias
    torch.testing.assert_close(generator(latents, LABELS), generator.layers[1:](expected))
    assert generator.conditional


@pytest.mark.parametrize(
    ("kind", "options"), [(MLPGenerator, {"conditional": True}), (MLPDiscriminator, {"conditioning": "projection"})]
)
def test_images_without_labels_are_refused(kind, options):
    with pytest.raises(ConfigError, match="bare has no labels for a conditional network; set conditioning=none"):
        kind(DataFacts("bare", 8, 1), **options)


def test_a_conditional_network_asks_for_labels():
    with pytest.raises(ValueError, match="needs labels"):
        MLPGenerator(FACTS, conditional=True)(torch.randn(2, 100))


@pytest.mark.parametrize("conditioning", ["none", "projection"])
def test_half_precision_does_not_round_outputs_that_differ_little(conditioning):
    torch.manual_seed(0)
    images, labels = torch.randn(5, 3, 8, 8), torch.zeros(5, dtype=torch.long)
    discriminator = DCGANDiscriminator(FACTS, channels=4, norm="none", conditioning=conditioning)
    with torch.no_grad():
        discriminator.head.weight.mul_(1e-2)
        discriminator.head.bias.fill_(1.0)  # where neighbours in bfloat16 are 2^-7 apart
        if discriminator.projection is not None:
            discriminator.projection.weight.mul_(1e-2)
    exact = discriminator(images, labels)
    with torch.autocast("cpu", torch.bfloat16):
        output, features = discriminator.forward_with_features(images, labels)
    assert output.dtype == features.dtype == torch.float32
    assert exact.std() < 2**-8
    torch.testing.assert_close(output - 1, exact - 1, rtol=0.05, atol=0.05 * exact.std().item())


@pytest.mark.parametrize(
    ("conditioning", "advice"),
    [
        ("classifier", "conditioning=acgan"),
        ("twin_classifier", "conditioning=tacgan or conditioning=adcgan"),
        ("projection_classifier", "conditioning=multi_hinge"),
        ("contrastive", "conditioning=contragan or conditioning=reacgan"),
    ],
)
def test_a_class_head_that_nothing_trains_is_refused(conditioning, advice):
    network = {"_target_": MLPDiscriminator, "conditioning": conditioning}
    config = {"model": {"discriminator": network}, "penalty": {"r1": {"_target_": R1}}}
    (line,) = problems(config, "model.discriminator")
    assert line == f"model.discriminator.conditioning: no penalty trains the {conditioning} head; take {advice}"
    config["penalty"]["head"] = {"_target_": ACGAN if conditioning == "classifier" else ReACGAN}
    assert problems(config, "model.discriminator") == []


@pytest.mark.parametrize("conditioning", ["none", "concatenation", "projection"])
def test_other_conditioning_needs_no_penalty(conditioning):
    config = {"model": {"discriminator": {"_target_": MLPDiscriminator, "conditioning": conditioning}}}
    assert problems(config, "model.discriminator") == []
