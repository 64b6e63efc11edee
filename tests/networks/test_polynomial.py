import pytest
import torch
from config_view import problems

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.polynomial import LinearGenerator, PointGenerator, PolynomialDiscriminator

LINE, PLANE = DataFacts("line", 1, 1), DataFacts("plane", 1, 2)


def test_a_point_is_the_same_for_all_latents_which_have_a_gradient():
    generator, latents = PointGenerator(PLANE, latent_dim=3), torch.randn(5, 3, requires_grad=True)
    images = generator(latents)
    assert torch.equal(images, generator.point.expand(5, 2, 1, 1))
    (gradient,) = torch.autograd.grad(images.sum(), latents)
    assert not gradient.any()


def test_a_linear_generator_maps_each_latent():
    generator, latents = LinearGenerator(PLANE, latent_dim=3), torch.randn(5, 3)
    expected = torch.stack([generator.weight @ each for each in latents])
    torch.testing.assert_close(generator(latents).flatten(1), expected)
    assert generator.double()(latents).dtype == torch.float64


def test_the_linear_form():
    discriminator = PolynomialDiscriminator(PLANE, bias=True)
    with torch.no_grad():
        discriminator.weight.copy_(torch.tensor([2.0, -3.0]))
        discriminator.bias.fill_(0.5)
    assert discriminator(torch.tensor([[5.0, 7.0]]).view(1, 2, 1, 1)).item() == 2 * 5 - 3 * 7 + 0.5


def test_a_step_of_the_quadratic_form_is_that_of_a_symmetric_matrix():
    discriminator, points = PolynomialDiscriminator(PLANE, degree=2), torch.randn(6, 2).double()
    discriminator.double()
    matrix = torch.zeros(2, 2, dtype=torch.float64)
    for _ in range(2):  # from any weights
        form = 0.5 * torch.einsum("bi,ij,bj->b", points, matrix, points)
        with torch.no_grad():
            if not matrix.any():
                discriminator.weight.zero_()
        output = discriminator(points.view(6, 2, 1, 1))
        torch.testing.assert_close(output, form)
        (gradient,) = torch.autograd.grad(output.square().sum() + output.sum(), discriminator.weight)
        matrix = matrix - 0.1 * torch.einsum("b,bi,bj->ij", 2 * form + 1, points, points) / 2
        with torch.no_grad():
            discriminator.weight -= 0.1 * gradient
    torch.testing.assert_close(
        discriminator(points.view(6, 2, 1, 1)), 0.5 * torch.einsum("bi,ij,bj->b", points, matrix, points)
    )


@pytest.mark.parametrize("degree", [1, 2])
def test_features_are_what_is_weighted(degree):
    discriminator = PolynomialDiscriminator(LINE, degree=degree)
    images = torch.randn(4, 1, 1, 1)
    output, features = discriminator.forward_with_features(images)
    torch.testing.assert_close(output, features @ discriminator.weight)
    assert torch.equal(features, discriminator.features(images))


def test_as_many_latents_as_principal_components():
    def found(**latents):
        network = {"_target_": LinearGenerator, **latents}
        return problems({"model": {"generator": network}, "dataset": {"components": 2}}, "model.generator")

    assert found(latent_dim=2) == []
    for latents in ({"latent_dim": 3}, {}):
        (line,) = found(**latents)
        assert line.startswith("model.generator.latent_dim: ")
        assert line.endswith("set it to 2")
    config = {"model": {"generator": {"_target_": LinearGenerator, "latent_dim": 3}}}
    assert problems(config, "model.generator") == []
