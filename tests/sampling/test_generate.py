import pytest
import torch

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import as_measured
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.sampling import base
from gan_experiments.sampling.base import draw_latents
from gan_experiments.sampling.generate import generate


class Echo(Generator):
    """Shows the first latents as pixels, or the class in all of them."""

    latent_dim = 4

    def __init__(self, num_classes=0, size=2):
        super().__init__(DataFacts("echo", size, 1 if size > 1 else 2, num_classes))
        self.conditional = num_classes > 0
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, latents, labels=None):
        if labels is not None:
            return (labels / 10)[:, None, None, None].expand(-1, 1, 2, 2) * self.scale
        return torch.tanh(latents[:, : 4 if self.facts.image_size > 1 else 2]).reshape(
            -1, self.facts.channels, self.facts.image_size, self.facts.image_size
        )


def test_images_are_a_function_of_the_seed_in_batches(monkeypatch):
    images = generate(Echo(), 7, seed=1)
    assert (images.shape, images.dtype) == ((7, 1, 2, 2), torch.uint8)
    monkeypatch.setattr(base, "BATCH", 2)
    assert torch.equal(generate(Echo(), 7, seed=1), images)
    assert not torch.equal(generate(Echo(), 7, seed=2), images)
    expected = torch.tanh(draw_latents(Echo(), 7, 1)).add(1).mul(127.5).round().to(torch.uint8)
    assert torch.equal(images.flatten(1), expected)


def test_points_stay_floating_point():
    points = generate(Echo(size=1), 3, seed=0)
    assert (points.shape, points.dtype) == ((3, 2, 1, 1), torch.float32)


def test_labels():
    shown = generate(Echo(10), 12, seed=0)[:, 0, 0, 0]
    assert torch.equal(shown[:2], shown[10:])
    assert generate(Echo(10), 3, seed=0, labels=5).unique().numel() == 1
    assert torch.equal(generate(Echo(10), 2, seed=0, labels=[1, 0])[:, 0, 0, 0], shown[[1, 0]])


def test_truncation_is_the_generator_s():
    latents = draw_latents(Echo(), 5, 0)
    images = generate(Echo(), 5, seed=0, truncation=0.5)
    assert torch.equal(images, as_measured(Echo().truncated(latents, 0.5)))


@pytest.mark.parametrize("count", [10**12, 10**30])
def test_more_images_than_memory_holds_are_refused(count):
    with pytest.raises(ConfigError, match=rf"^n: too large for the .* of memory here \(n={count}\)"):
        generate(Echo(), count, seed=0)


def test_all_images_have_to_fit_before_the_second_batch_is_generated(monkeypatch):
    calls = []
    monkeypatch.setattr(Echo, "forward", lambda self, latents, labels: calls.append(0) or torch.zeros(256, 1, 2, 2))
    monkeypatch.setattr("gan_experiments.core.memory._LARGE", 10_000)
    monkeypatch.setattr("gan_experiments.core.memory.total_memory", lambda: 60_000)
    monkeypatch.setattr("gan_experiments.core.memory.used_memory", lambda: 50_000 if calls else 0)
    with pytest.raises(ConfigError, match=r"n: too large for the 60\.0 kB"):
        generate(Echo(), 3000, seed=0)  # 48 kB of latents, 12 kB of images
    assert calls == [0]


@pytest.mark.parametrize(
    ("generator", "arguments", "problems"),
    [
        (Echo(), {"count": 0, "truncation": -1.0}, ["n: 0 is not", "truncation: -1.0 is not"]),
        (Echo(), {"labels": 3}, ["labels: the generator is not conditional"]),
        (Echo(10), {"labels": 10}, ["labels: echo has the classes 0 to 9"]),
        (Echo(10), {"labels": [1]}, ["labels: one class or 2 classes expected, not (1,)"]),
    ],
)
def test_what_does_not_fit_is_refused(generator, arguments, problems):
    with pytest.raises(ConfigError) as error:
        generate(generator, **{"count": 2, "seed": 0, **arguments})
    assert all(line.startswith(start) for line, start in zip(error.value.problems, problems, strict=True))
