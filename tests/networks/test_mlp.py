import pytest
import torch

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.mlp import MLPDiscriminator, MLPGenerator

FACTS = [DataFacts("points", 1, 2), DataFacts("digits", 8, 1), DataFacts("odd", 13, 3)]


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.name)
@pytest.mark.parametrize("hidden", [[], [16], [16, 32]])
def test_shapes_and_range(facts, hidden):
    images = MLPGenerator(facts, latent_dim=7, hidden=hidden)(10 * torch.randn(5, 7))
    assert images.shape == (5, facts.channels, facts.image_size, facts.image_size)
    assert images.abs().max() <= 1
    discriminator = MLPDiscriminator(facts, hidden=hidden)
    assert discriminator(images).shape == (5,)
    assert discriminator.features(images).shape == (5, hidden[-1] if hidden else images[0].numel())


def test_output_is_a_linear_function_of_the_features():
    discriminator = MLPDiscriminator(FACTS[1])
    images = torch.randn(5, 1, 8, 8)
    torch.testing.assert_close(discriminator(images), discriminator.head(discriminator.features(images)).squeeze(1))


def test_parameters_of_the_usual_mnist_pair():
    facts = DataFacts("mnist", 28, 1)
    count = [sum(p.numel() for p in net.parameters()) for net in (MLPGenerator(facts), MLPDiscriminator(facts))]
    assert count == [100 * 256 + 256 + 256 * 784 + 784, 784 * 256 + 256 + 256 + 1]


def test_memory_format_of_the_images_does_not_matter():
    discriminator, images = MLPDiscriminator(FACTS[2]), torch.randn(5, 3, 13, 13)
    assert torch.equal(discriminator(images), discriminator(images.to(memory_format=torch.channels_last)))


def test_latent_dim_is_known():
    assert MLPGenerator(FACTS[0], latent_dim=7).latent_dim == 7
    assert not MLPGenerator(FACTS[0]).conditional
