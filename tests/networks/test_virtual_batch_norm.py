import numpy as np
import pytest
import torch

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.dcgan import DCGANGenerator
from gan_experiments.networks.mlp import MLPGenerator
from gan_experiments.networks.virtual_batch_norm import REFERENCE, VirtualBatchNorm

FACTS = DataFacts("images", 8, 1, num_classes=3)
BUILDS = {
    "dcgan": lambda **options: DCGANGenerator(FACTS, latent_dim=5, channels=2, norm="virtual", **options),
    "mlp": lambda **options: MLPGenerator(FACTS, latent_dim=5, hidden=[7, 6], norm="virtual", **options),
}


@pytest.mark.parametrize("shape", [(3, 4, 2, 5), (3, 4)])
def test_each_sample_counts_as_one_more_of_the_reference_batch(shape):
    """Salimans et al. 2016: means and mean squares, (R * of the reference + of the sample) / (R + 1)."""
    torch.manual_seed(0)
    layer = VirtualBatchNorm(4, reference=6).double()
    with torch.no_grad():
        layer.weight.normal_()
        layer.bias.normal_()
    maps = 2 * torch.randn(6 + shape[0], *shape[1:], dtype=torch.float64) + 1
    x = maps.numpy().reshape(9, 4, -1)
    gain, shift = (value.detach().numpy()[:, None] for value in (layer.weight, layer.bias))
    own = x[:6].mean((0, 2)), (x[:6] ** 2).mean((0, 2))
    for index in range(9):
        share = 1 / 7 if index >= 6 else 0.0
        mean, square = (
            (1 - share) * of_all[:, None] + share * (x[index] ** power).mean(1, keepdims=True)
            for of_all, power in zip(own, (1, 2), strict=True)
        )
        expected = (x[index] - mean) / np.sqrt(square - mean**2 + 1e-5) * gain + shift
        found = layer(maps)[index].detach().numpy().reshape(4, -1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_an_image_depends_on_the_reference_batch_and_not_on_its_own(build):
    torch.manual_seed(0)
    generator = build(conditional=True)
    latents, labels = torch.randn(4, 5), torch.tensor([2, 0, 1, 2])
    images = generator(latents, labels)
    assert images.shape == (4, 1, 8, 8)
    one_by_one = torch.cat([generator(latents[i : i + 1], labels[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(one_by_one, images)
    torch.testing.assert_close(generator.eval()(latents, labels), images)
    (gradient,) = torch.autograd.grad(images.square().sum(), generator.layers[0].weight)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    other = build(conditional=True)
    reference = other.reference.clone()
    assert reference.shape == (REFERENCE, 5 + 3)
    other.load_state_dict(generator.state_dict())
    assert not torch.equal(reference, generator.reference)
    torch.testing.assert_close(other(latents, labels), images)
    with torch.no_grad():
        other.reference.copy_(reference)
    assert not torch.allclose(other(latents, labels), images, atol=1e-4)
