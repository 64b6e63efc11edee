import pytest
import torch
from backbones import random_backbone
from config_view import problems
from pixels import noise

from gan_experiments.core.perceptual import PerceptualEmbedding
from gan_experiments.core.step import Batch, Generated
from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.metrics import path_length
from gan_experiments.metrics.path_length import PathLength
from gan_experiments.networks.dcgan import DCGANGenerator
from gan_experiments.networks.stylegan2 import StyleGAN2Generator
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.pix2pix import Pix2Pix


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.setattr(path_length, "load_backbone", lambda *_: random_backbone())
    measure = PathLength("w", "end", epsilon=0.1, network="alex")
    measure.prepare(noise(size=32))
    return measure


def test_it_is_the_mean_perceptual_distance_of_the_steps(measure):
    before, after = (2 * torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(i)) - 1 for i in range(2))
    asked = []

    def step(*how):
        asked.append(how)
        return before, after

    measure.update_batch(Generated(torch.zeros(6, 3, 32, 32), None, step))
    embedding = PerceptualEmbedding(random_backbone())
    lengths = (embedding(before) - embedding(after)).square().sum(1) / 0.1**2
    values, margins = measure.scores_and_margins()
    assert asked == [("w", "end", 0.1)]
    assert values["ppl"] == pytest.approx(lengths.mean().item(), rel=1e-5)
    assert margins["ppl"] == pytest.approx(1.96 * lengths.double().std(correction=0).item() / 6**0.5, rel=1e-4)
    described = measure.provenance()
    assert (described["space"], described["sampling"], described["network"]) == ("w", "end", "alex")
    assert len(described["weights"]) == 32


def test_large_images_are_averaged_to_256_pixels(measure):
    large = torch.rand(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    small = large.view(1, 1, 256, 2, 256, 2).mean((3, 5))
    for images in (large, small):
        measure.update(images, images.flip(-1))
    assert measure.lengths[0].item() == pytest.approx(measure.lengths[1].item(), rel=1e-4)


def test_rectangles_are_reduced_by_their_shorter_side(measure):
    large = torch.rand(1, 1, 256, 512, generator=torch.Generator().manual_seed(0))
    measure.update(large, large.flip(-1))
    embedding = PerceptualEmbedding(random_backbone())
    assert measure.lengths[0].item() == pytest.approx(
        (embedding(large) - embedding(large.flip(-1))).square().sum().item() / 0.1**2, rel=1e-4
    )


def test_images_alone_and_wrong_configs_are_refused(measure):
    with pytest.raises(ConfigError, match="needs a generator, without truncation"):
        measure.update_batch(Batch(torch.zeros(2, 3, 32, 32), None))
    with pytest.raises(ConfigError, match="needs a generator, without truncation"):
        measure.update_batch(Generated(torch.zeros(2, 3, 32, 32), None, None))

    def beside(system, generator, **options):
        return {
            "dataset": {"_target_": Digits},
            "model": {"_target_": system, "generator": {"_target_": generator}},
            "metrics": {"measures": {"ppl": {"_target_": PathLength, **options}}},
        }

    key = "metrics.measures.ppl"
    assert problems(beside(GAN, StyleGAN2Generator, space="w"), key) == []
    assert problems(beside(GAN, DCGANGenerator, space="z"), key) == []
    (line,) = problems(beside(GAN, DCGANGenerator, space="w"), key)
    assert line == "metrics.measures.ppl.space: w, but DCGANGenerator maps latents to no styles; z is for all"
    (line,) = problems(beside(Pix2Pix, DCGANGenerator), key)
    assert "Pix2Pix has no latents to walk between" in line
