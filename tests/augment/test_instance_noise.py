import inspect
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from gan_experiments.augment.instance_noise import InstanceNoise
from gan_experiments.core.randomness import Stream

IMAGES = torch.zeros(64, 3, 8, 8)


@pytest.mark.parametrize(("images_seen", "sigma"), [(0, 0.5), (250, 0.375), (500, 0.25), (999, 0.0005)])
def test_the_noise_decays_linearly(images_seen, sigma):
    noise = InstanceNoise(sigma=0.5, images=1000)(IMAGES, Stream(0), images_seen)
    assert noise.std().item() == pytest.approx(sigma, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=sigma / 20)


@pytest.mark.parametrize("images_seen", [1000, 5000])
def test_afterwards_images_pass_untouched(images_seen):
    images = torch.randn(2, 1, 4, 4)
    assert InstanceNoise(sigma=0.5, images=1000)(images, Stream(0), images_seen) is images


def test_each_process_adds_its_part_of_the_noise_of_one():
    noise, images = InstanceNoise(), torch.zeros(4, 1, 2, 2)
    parts = [noise(images[:2], Stream(3, rank=rank, world_size=2), 0) for rank in (0, 1)]
    torch.testing.assert_close(torch.cat(parts), noise(images, Stream(3), 0), rtol=0, atol=0)


def test_gradients_pass_through():
    images = torch.zeros(2, 1, 2, 2, requires_grad=True)
    InstanceNoise()(images, Stream(0), 0).sum().backward()
    assert (images.grad == 1).all()


def test_yaml_lists_every_argument_with_its_default():
    config = OmegaConf.load(Path(__file__).parents[2] / "conf" / "augment" / "instance_noise.yaml").instance_noise
    del config._target_
    parameters = inspect.signature(InstanceNoise).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == config
