import pytest
import torch

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.encoder import DCGANEncoder, MLPEncoder


@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_images_of_many_sizes_become_moments_of_latents(size, norm):
    encoder = DCGANEncoder(DataFacts("any", size, 3), latent_dim=5, channels=4, norm=norm)
    mean, log_variance = encoder(torch.randn(4, 3, size, size))
    assert mean.shape == log_variance.shape == (4, 5)
    (mean.square().sum() + log_variance.exp().sum()).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in encoder.parameters())


@pytest.mark.parametrize(("size", "channels"), [(1, 2), (7, 1), (28, 1)])
def test_a_fully_connected_one_takes_any_size(size, channels):
    encoder = MLPEncoder(DataFacts("any", size, channels), latent_dim=5, hidden=(6, 7))
    mean, log_variance = encoder(torch.randn(4, channels, size, size))
    assert mean.shape == log_variance.shape == (4, 5)
    weights = [tuple(weight.shape) for weight in encoder.parameters() if weight.ndim == 2]
    assert weights == [(6, channels * size**2), (7, 6), (10, 7)]


def test_convolutions_are_those_of_the_paper():
    """64 to 512 channels at 64 pixels, as in DCGAN's discriminator, which has 2,765,568 weights with its head."""
    encoder = DCGANEncoder(DataFacts("any", 64, 3), latent_dim=5)
    count = sum(weight.numel() for name, weight in encoder.layers[:-1].named_parameters())
    assert count == 2_765_568 - 512 * 16 + 64  # the first convolution has a bias
