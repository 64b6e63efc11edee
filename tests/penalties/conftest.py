import pytest
import torch
from torch import nn

from gan_experiments.core.contracts import Step
from gan_experiments.core.randomness import Stream


class Linear(nn.Module):
    """D(x) = w.x + b: its gradient is w everywhere."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.ones(()))

    def forward(self, images, labels=None):
        return images.flatten(1) @ self.weight + self.bias


class Quadratic(nn.Module):
    """D(x) = s/2 ||x||^2: its gradient is s x, another one for each sample."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, images, labels=None):
        return self.scale * images.flatten(1).square().sum(1) / 2


class LinearGenerator(nn.Module):
    """G(z) = A z: its Jacobian is A everywhere."""

    def __init__(self, matrix, shape):
        super().__init__()
        self.matrix = nn.Parameter(matrix)
        self.shape = shape

    def forward(self, latents, labels=None):
        return (latents @ self.matrix.T).reshape(len(latents), *self.shape)


class Counting(nn.Module):
    """Counts the passes through a network and collects the labels it was given."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.calls = 0
        self.labels = set()

    def forward(self, images, labels=None):
        self.calls += 1
        self.labels |= set() if labels is None else set(labels.tolist())
        return self.network(images, labels)


class SmallDiscriminator(nn.Module):
    """A smooth convolutional network that offers its features, and reconstructs images from them."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.Flatten())
        self.head = nn.Linear(64, 1)

    def features(self, images, labels=None):
        return self.layers(images)

    def forward(self, images, labels=None):
        return self.head(self.features(images)).squeeze(1)

    def reconstruct(self, features, images, quarters):
        return [(features[:, :32].view_as(images), images * (1 + quarters.view(-1, 1, 1, 1)))]


class SmallGenerator(nn.Module):
    latent_dim = 6

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 32), nn.Tanh(), nn.Unflatten(1, (2, 4, 4)))

    def forward(self, latents, labels=None):
        return self.layers(latents)


def make_step(
    discriminator=None,
    generator=None,
    batch=4,
    side="discriminator",
    rng=("test",),
    full_precision=True,
    dtype=torch.float32,
    images_seen=10**6,
    part=slice(None),
    labels=None,
    **stream,
):
    """Return a step as the system makes it, for small networks or those given; ``part`` of the batch.

    Fakes have the labels of the reals plus 10.
    """
    fake_labels = None if labels is None else labels + 10
    draw = torch.Generator().manual_seed(7)
    with torch.random.fork_rng():
        torch.manual_seed(11)
        discriminator = discriminator or SmallDiscriminator().to(dtype)
        generator = generator or SmallGenerator().to(dtype)
    latent_dim = generator.matrix.shape[1] if isinstance(generator, LinearGenerator) else 6
    latents = torch.randn(batch, latent_dim, generator=draw, dtype=torch.float64).to(dtype)[part]
    with torch.set_grad_enabled(side == "generator"):
        fake = generator(latents, fake_labels)
    real = torch.randn(batch, *fake.shape[1:], generator=draw, dtype=torch.float64).to(dtype)[part]
    if side == "discriminator":
        real.requires_grad_()
        fake.requires_grad_()
    return Step(
        generator=generator,
        discriminator=discriminator,
        latents=latents,
        labels=labels,
        fake_labels=fake_labels,
        real=real,
        fake=fake,
        real_output=discriminator(real, labels),
        fake_output=discriminator(fake, fake_labels),
        full_precision=full_precision,
        rng=Stream(*rng, **stream),
        images_seen=images_seen,
    )


class Parts:
    """The networks above and the step that is made of them."""

    Linear = Linear
    Quadratic = Quadratic
    LinearGenerator = LinearGenerator
    Counting = Counting
    SmallDiscriminator = SmallDiscriminator
    SmallGenerator = SmallGenerator
    step = staticmethod(make_step)


@pytest.fixture
def parts():
    torch.manual_seed(0)
    return Parts
