import pytest
import torch
from torch import nn

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.autoencoder import AutoencoderDiscriminator

SIZES = AutoencoderDiscriminator.image_sizes


def make(size=8, channels=1, **options):
    torch.manual_seed(0)
    return AutoencoderDiscriminator(DataFacts("images", size, channels), channels=4, code_dim=5, **options)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("norm", ["layer", "none"])
def test_shapes_of_code_and_reconstruction(size, channels, norm):
    discriminator, images = make(size, channels, norm=norm), torch.randn(2, channels, size, size)
    assert discriminator(images).shape == (2,)
    assert discriminator.features(images).shape == (2, 5)
    assert discriminator.decoder(discriminator.features(images)).shape == images.shape


def test_sizes_can_be_halved_to_the_smallest_maps():
    assert tuple(AutoencoderDiscriminator.side_multiple) == AutoencoderDiscriminator.image_sizes
    assert all(size % multiple == 0 for size, multiple in AutoencoderDiscriminator.side_multiple.items())


def test_other_sizes_are_refused():
    with pytest.raises(ConfigError, match="8, 16, 28, 32, 64; images has 48"):
        make(48)


@pytest.mark.parametrize(("error", "expected"), [("l1", 0.5), ("l2", 0.25)])
def test_energy_is_a_mean_over_the_pixels_of_each_image(error, expected):
    discriminator = make(16, 3, error=error)
    discriminator.decoder = nn.Sequential(nn.Linear(5, 3 * 16 * 16), nn.Unflatten(1, (3, 16, 16)))
    for parameter in discriminator.decoder.parameters():
        nn.init.zeros_(parameter)  # what is reproduced is grey
    images = torch.stack([torch.full((3, 16, 16), -0.5), torch.zeros(3, 16, 16)])
    assert discriminator(images).tolist() == [pytest.approx(expected), 0.0]


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_an_energy_depends_on_no_other_image(norm):
    discriminator, images = make(norm=norm), torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(discriminator(images)[:2], discriminator(images[:2]))


def test_it_learns_to_reproduce():
    discriminator, images = make(), torch.rand(8, 1, 8, 8) * 2 - 1
    adam = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    first = discriminator(images).mean().item()
    for _ in range(100):
        adam.zero_grad()
        energy = discriminator(images).mean()
        energy.backward()
        adam.step()
    assert energy.item() < first / 2


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_gradient_penalty_can_be_differentiated(norm):
    discriminator = make(norm=norm, error="l2").double()
    images = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in discriminator.encoder.parameters())
