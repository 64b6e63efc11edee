import numpy as np
import pytest
import torch
from config_view import problems

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


def test_maxout_is_the_largest_of_five_linear_functions():
    network = MLPDiscriminator(FACTS[0], hidden=[3], activation="maxout")
    points = torch.randn(4, 2, 1, 1)
    weight, bias = (part.detach().numpy() for part in (network.layers[0].weight, network.layers[0].bias))
    pieces = (points.flatten(1).numpy() @ weight.T + bias).reshape(4, 3, 5)
    np.testing.assert_allclose(network.features(points).detach().numpy(), pieces.max(axis=2), rtol=1e-5)


def test_the_scale_of_the_output_is_a_factor():
    torch.manual_seed(0)
    plain = MLPGenerator(FACTS[0], 2, norm="batch", output="linear")
    torch.manual_seed(0)
    scaled = MLPGenerator(FACTS[0], 2, norm="batch", output="linear", output_scale=0.2)
    assert scaled.state_dict().keys() == plain.state_dict().keys()
    latents = torch.randn(4, 2)
    torch.testing.assert_close(scaled(latents), 0.2 * plain(latents))


def test_the_networks_of_pacgan_for_points():
    """Lin et al. 2018, appendix: 4 x 400 with batch norm and ReLU, z of 2; 3 x 200 of five maxout pieces."""
    generator = MLPGenerator(FACTS[0], 2, hidden=[400] * 4, norm="batch", output="linear")
    count = 2 * 400 + 400 + 3 * (400 * 400 + 400) + 4 * 2 * 400 + 400 * 2 + 2
    assert sum(weight.numel() for weight in generator.parameters()) == count
    with torch.no_grad():
        generator.layers[-2].weight.mul_(100)
        assert generator(torch.randn(64, 2)).abs().max() > 1
    hidden = generator.layers[:3](torch.randn(64, 2))  # linear, batch norm, ReLU
    torch.testing.assert_close(generator.layers[:2](torch.randn(64, 2)).mean(0), torch.zeros(400), rtol=0, atol=1e-5)
    assert hidden.min() == 0
    pairs = MLPDiscriminator(FACTS[0], hidden=[200] * 3, activation="maxout", packing=2)
    assert sum(weight.numel() for weight in pairs.parameters()) == 5 * (5 * 200 + 2 * 201 * 200) + 201


@pytest.mark.parametrize(
    ("options", "batch_size", "refused"),
    [
        ({"norm": "batch"}, 1, True),
        ({"norm": "batch"}, 2, False),
        ({"norm": "batch", "hidden": []}, 1, False),
        ({"norm": "none"}, 1, False),
    ],
)
def test_batch_norm_of_one_vector_is_refused(options, batch_size, refused):
    config = {"batch_size": batch_size, "model": {"generator": {"_target_": MLPGenerator, **options}}}
    text = "model.generator.norm=batch needs at least 2 images; take 2, or model.generator.norm=none"
    assert problems(config, "model.generator") == [f"batch_size: {text}"] * refused
    generator = MLPGenerator(FACTS[1], latent_dim=3, **options)
    if refused:
        with pytest.raises(ValueError, match="more than 1 value"):
            generator(torch.randn(1, 3))
    else:
        assert generator(torch.randn(batch_size, 3)).isfinite().all()


def test_the_networks_of_unrolled_gan_for_points():
    """The code of Metz et al. 2017: 2 x 128 tanh, orthogonal times 1.4, without biases at the start."""
    made = {"hidden": [128, 128], "activation": "tanh", "init": "orthogonal"}
    networks = MLPGenerator(FACTS[0], 256, output="linear", **made), MLPDiscriminator(FACTS[0], **made)
    inputs = torch.randn(4, 256), torch.randn(4, 2, 1, 1)
    for network, given in zip(networks, inputs, strict=True):
        first, second, last = (m for m in network.modules() if isinstance(m, torch.nn.Linear))
        torch.testing.assert_close(second.weight @ second.weight.T, 1.96 * torch.eye(128), atol=1e-4, rtol=0)
        expected = torch.tanh(torch.tanh(given.flatten(1) @ first.weight.T) @ second.weight.T) @ last.weight.T
        torch.testing.assert_close(network(given).reshape(4, -1), expected.reshape(4, -1))


def test_normal_weights_are_small_and_others_stay_those_of_torch():
    torch.manual_seed(0)
    small = MLPDiscriminator(FACTS[1], hidden=[256], init="normal")
    assert small.layers[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not small.layers[0].bias.any()
    torch.manual_seed(0)
    assert MLPDiscriminator(FACTS[1], hidden=[256]).layers[0].bias.any()
