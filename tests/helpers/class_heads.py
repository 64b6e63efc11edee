"""A step of a conditional discriminator, for the terms that train its class head."""

import torch

from gan_experiments.core.contracts import Step
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts
from gan_experiments.networks.mlp import MLPDiscriminator, MLPGenerator

FACTS = DataFacts("images", 4, 1, num_classes=3)
REAL, FAKE = torch.tensor([0, 2, 2, 1, 0, 2]), torch.tensor([1, 1, 0, 2, 2, 1])


def conditional_step(conditioning):
    """Return a step in float64 whose outputs and features come from one pass each."""
    torch.manual_seed(0)
    discriminator = MLPDiscriminator(FACTS, hidden=[7], conditioning=conditioning).double()
    generator = MLPGenerator(FACTS, latent_dim=5, hidden=[6], conditional=True).double()
    latents, real = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 1, 4, 4, dtype=torch.float64)
    fake = generator(latents, FAKE)
    (real_output, real_features), (fake_output, fake_features) = (
        discriminator.forward_with_features(real, REAL),
        discriminator.forward_with_features(fake, FAKE),
    )
    return Step(
        generator=generator, discriminator=discriminator, latents=latents, labels=REAL, fake_labels=FAKE, real=real,
        fake=fake, real_output=real_output, fake_output=fake_output, full_precision=True, rng=Stream(0), images_seen=0,
        real_features=real_features, fake_features=fake_features,
    )  # fmt: skip


def in_numpy(tensor):
    return tensor.detach().numpy()


def unit(rows):
    return rows / (rows**2).sum(axis=1, keepdims=True) ** 0.5


def embedded(step, features, labels):
    """Return unit vectors of images and of their classes, from the weights of the head."""
    head = step.discriminator.class_head
    images = in_numpy(features) @ in_numpy(head.embed.weight).T + in_numpy(head.embed.bias)
    return unit(images), unit(in_numpy(head.proxies.weight)[labels.numpy()])
