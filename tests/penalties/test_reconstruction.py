import pytest
import torch
from backbones import random_backbone
from config_view import problems

from gan_experiments.core.perceptual import PerceptualEmbedding
from gan_experiments.data.datasets.cifar import CIFAR10
from gan_experiments.networks.dcgan import DCGANDiscriminator
from gan_experiments.networks.fastgan_discriminator import FastGANDiscriminator
from gan_experiments.penalties import reconstruction
from gan_experiments.penalties.reconstruction import Reconstruction


class Remembers(torch.nn.Module):
    """Returns fixed reconstructions and keeps what it was asked for."""

    def __init__(self, pairs):
        super().__init__()
        self.pairs = pairs

    def forward(self, images, labels=None):
        return images.flatten(1).sum(1)

    def features(self, images, labels=None):
        return images.flatten(1)

    def reconstruct(self, features, images, quarters):
        self.asked = features, images, quarters
        return self.pairs


def test_l1_is_the_mean_difference_of_pixels_added_up_over_kinds(parts):
    pairs = [(torch.randn(4, 2, 8, 8), torch.randn(4, 2, 8, 8)) for _ in range(3)]
    discriminator = Remembers(pairs)
    step = parts.step(discriminator=discriminator)
    value = Reconstruction().discriminator(step)
    assert value.item() == pytest.approx(sum((a - b).abs().numpy().mean() for a, b in pairs), rel=1e-6)
    features, images, quarters = discriminator.asked
    assert torch.equal(images, step.real)
    assert torch.equal(features, step.real.flatten(1))
    assert quarters.shape == (4,)


def test_quarters_are_drawn_anew_for_every_image(parts):
    discriminator = Remembers([(torch.ones(1), torch.zeros(1))])
    drawn = []
    for index in range(30):
        Reconstruction().discriminator(parts.step(discriminator=discriminator, rng=("step", index)))
        drawn.append(discriminator.asked[2])
    counts = torch.stack(drawn).flatten().bincount(minlength=4)
    assert len(counts) == 4
    assert counts.min() > 10


def test_features_of_the_pass_of_the_loss_are_used(parts):
    discriminator = Remembers([(torch.ones(1), torch.zeros(1))])
    step = parts.step(discriminator=discriminator)
    step.real_features = torch.ones(4, 32)
    Reconstruction().discriminator(step)
    assert discriminator.asked[0] is step.real_features


def test_lpips_is_the_squared_distance_of_embeddings(parts, monkeypatch):
    backbone = random_backbone()
    monkeypatch.setattr(reconstruction, "load_backbone", lambda *_: backbone)
    penalty = Reconstruction(distance="lpips")
    assert list(penalty.parameters()) == []
    assert penalty.state_dict() == {}
    made, wanted = torch.rand(2, 3, 3, 64, 64).mul(2).sub(1)
    made.requires_grad_()
    value = penalty.discriminator(parts.step(discriminator=Remembers([(made, wanted)])))
    embed = PerceptualEmbedding(backbone)
    torch.testing.assert_close(value, (embed(made) - embed(wanted)).square().sum(1).mean())
    assert torch.autograd.grad(value, made)[0].abs().sum() > 0


@pytest.mark.parametrize(
    ("discriminator", "options", "told"),
    [
        (FastGANDiscriminator, {}, []),
        (
            DCGANDiscriminator,
            {},
            [": DCGANDiscriminator has no decoders to train; take model=fastgan, or leave it out"],
        ),
        (FastGANDiscriminator, {"weights": "a.pth"}, [".weights: only distance=lpips has weights"]),
        (
            FastGANDiscriminator,
            {"distance": "lpips"},
            [
                ".distance: reconstructions have half the size of the images, 16 pixels, and LPIPS needs 32; take l1",
            ],
        ),
    ],
)
def test_what_does_not_fit_is_refused(discriminator, options, told):
    config = {
        "dataset": {"_target_": CIFAR10},
        "model": {"discriminator": {"_target_": discriminator}},
        "penalty": {"reconstruction": {"_target_": Reconstruction, **options}},
    }
    assert problems(config, "penalty.reconstruction") == [f"penalty.reconstruction{line}" for line in told]


@pytest.mark.parametrize(("distance", "count"), [("lpips", 1), ("l1", 0)])
def test_lpips_takes_grey_and_colours_only(distance, count):
    config = {
        "dataset": {"_target_": CIFAR10, "channels": 4, "image_size": 64},
        "penalty": {"reconstruction": {"_target_": Reconstruction, "distance": distance}},
    }
    found = [line for line in problems(config, "penalty.reconstruction") if "grey and RGB images only" in line]
    assert len(found) == count
