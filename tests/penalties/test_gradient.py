import pytest
import torch

from gan_experiments.core.precision import in_float32
from gan_experiments.penalties.gradient import image_gradient, realism, scores


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_precision_is_raised_and_double_kept(given, expected):
    assert in_float32(torch.ones(1, dtype=given)).dtype == expected


def test_a_score_is_one_number_per_sample():
    torch.testing.assert_close(scores(torch.tensor([1.0, 2.0])), torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(scores(torch.arange(8.0).reshape(2, 1, 2, 2)), torch.tensor([1.5, 5.5]))


def test_low_energy_is_realistic(parts):
    discriminator = parts.Quadratic()
    assert realism(discriminator, torch.ones(1)) == 1
    discriminator.output = "energy"
    assert realism(discriminator, torch.ones(1)) == -1


@pytest.mark.parametrize("reuse", [True, False])
def test_the_gradient_is_per_sample_and_can_be_differentiated(parts, reuse):
    discriminator, images = parts.Quadratic(3.0), torch.randn(4, 2, 4, 4, requires_grad=True)
    output = discriminator(images) if reuse else None
    gradient = image_gradient(discriminator, images, None, output)
    torch.testing.assert_close(gradient, 3 * images.flatten(1))
    (second,) = torch.autograd.grad(gradient.sum(), discriminator.scale)
    torch.testing.assert_close(second, images.sum())


def test_it_runs_the_discriminator_again_only_if_it_has_to(parts):
    discriminator, images = parts.Counting(parts.Quadratic()), torch.randn(4, 2, 4, 4)
    image_gradient(discriminator, images, None, discriminator(images))
    assert discriminator.calls == 2  # images without a graph
    images.requires_grad_()
    image_gradient(discriminator, images, None, discriminator(images))
    assert discriminator.calls == 3


def test_the_gradient_of_a_pack_is_that_by_all_its_images():
    """Of D(x1, x2) = w1 x1 + w2 x2 it is (w1, w2) for every pack."""
    weight = torch.randn(2 * 18)
    images = torch.randn(6, 2, 3, 3, requires_grad=True)
    gradient = image_gradient(lambda images, labels=None: images.reshape(3, -1) @ weight, images, None)
    torch.testing.assert_close(gradient, weight.expand(3, -1))
