import pytest
import torch

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.patch_discriminator import PatchDiscriminator


def test_it_has_as_many_weights_as_published():
    """The counts that pytorch-CycleGAN-and-pix2pix prints: 2.765 M for CycleGAN, 2.769 M for pix2pix."""
    with torch.device("meta"):
        cyclegan = PatchDiscriminator(DataFacts("x", 256, 3))
        pix2pix = PatchDiscriminator(DataFacts("x", 256, 6), norm="batch")
    assert sum(each.numel() for each in cyclegan.parameters()) == 2_764_737
    assert sum(each.numel() for each in pix2pix.parameters()) == 2_768_705


@pytest.mark.parametrize(("halvings", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_each_logit_sees_a_patch_of_the_published_size(halvings, patch):
    network = PatchDiscriminator(DataFacts("x", 128, 1), 2, halvings, norm="none").double()
    image = torch.randn(1, 1, 128, 128, dtype=torch.double, requires_grad=True)
    logits = network(image)
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
    rows = gradient[0, 0].abs().sum(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == patch


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(("size", "halvings"), [(8, 1), (16, 2), (28, 3), (32, 3), (256, 3)])
def test_it_halves_three_times_or_as_often_as_fits(size, halvings, antialias):
    network = PatchDiscriminator(DataFacts("x", size, 1), 1, antialias=antialias)
    height = (size >> halvings) - 2
    assert network(torch.randn(1, 1, size, size)).shape == (1, 1, height, height)


@pytest.mark.parametrize(("size", "halvings", "problem"), [(8, 2, "enough for at most 1"), (4, None, "not even one")])
def test_images_that_are_too_small_are_refused(size, halvings, problem):
    with pytest.raises(ConfigError, match=f"halvings: x has {size} pixels, .*{problem}"):
        PatchDiscriminator(DataFacts("x", size, 1), 1, halvings)
