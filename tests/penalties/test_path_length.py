import pytest
import torch
from torch import nn

from gan_experiments.core.contracts import Generator
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts
from gan_experiments.networks.transformer import TransformerGenerator
from gan_experiments.penalties.path_length import PathLength


def test_of_a_linear_generator_it_is_the_length_of_its_transpose_times_noise(parts):
    matrix = torch.randn(32, 5)
    penalty = PathLength(decay=0.3, batch_shrink=2)
    target = 0.0
    for _ in range(3):
        step = parts.step(side="generator", generator=parts.LinearGenerator(matrix, (2, 4, 4)))
        lengths = (Stream("test").normal(2, 2, 4, 4).flatten(1) / 4 @ matrix).norm(dim=1)  # 4 = sqrt(H W)
        target += 0.3 * (lengths.mean().item() - target)
        value = penalty.generator(step)
        torch.testing.assert_close(value, (lengths - target).square().mean())
        assert penalty.target.item() == pytest.approx(target)


class StyleGenerator(nn.Module):
    """w = 2 z for each of three layers; image = B w."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def mapping(self, latents, labels=None):
        return 2 * latents[:, None].expand(-1, 3, -1)

    def synthesize(self, w, labels=None):
        return (w.flatten(1) @ self.matrix.T).reshape(-1, 2, 4, 4)

    def forward(self, latents, labels=None):
        return self.synthesize(self.mapping(latents, labels))


def test_with_a_mapping_it_is_measured_in_w_with_the_mean_over_layers(parts):
    matrix = torch.randn(32, 18)
    step = parts.step(side="generator", generator=StyleGenerator(matrix))
    gradient = (Stream("test").normal(4, 2, 4, 4).flatten(1) / 4 @ matrix).reshape(4, 3, 6)
    lengths = gradient.square().sum(2).mean(1).sqrt()
    value = PathLength(decay=0.0, batch_shrink=1).generator(step)
    torch.testing.assert_close(value, lengths.square().mean())


class ByClass(Generator):
    """w = z; image = (class + 1) B w: the layers behind the styles know the class, too."""

    def __init__(self, matrix):
        nn.Module.__init__(self)
        self.matrix = nn.Parameter(matrix)

    def styles(self, latents, labels=None):
        return 1 * latents

    def synthesize(self, styles, labels=None):
        return ((labels[:, None] + 1) * styles @ self.matrix.T).reshape(-1, 2, 4, 4)


def test_layers_behind_the_styles_are_given_the_labels(parts):
    matrix = torch.randn(32, 6)
    step = parts.step(side="generator", generator=parts.LinearGenerator(matrix, (2, 4, 4)))
    step.generator, step.fake_labels = ByClass(matrix), torch.tensor([0, 2, 1, 0])
    lengths = (step.fake_labels + 1) * (Stream("test").normal(4, 2, 4, 4).flatten(1) / 4 @ matrix).norm(dim=1)
    value = PathLength(decay=0.0, batch_shrink=1).generator(step)
    torch.testing.assert_close(value, lengths.square().mean())


def test_a_generator_that_ignores_its_latents_has_finite_gradients(parts):
    generator = parts.LinearGenerator(torch.zeros(32, 5), (2, 4, 4))
    value = PathLength().generator(parts.step(side="generator", generator=generator))
    (gradient,) = torch.autograd.grad(value, generator.matrix)
    assert gradient.isfinite().all()


def test_of_a_generator_with_styles_it_is_measured_in_them(parts):
    torch.manual_seed(0)
    network = TransformerGenerator(DataFacts("images", 4, 2, 3), 6, 16, 2, 2, 2, conditional=True)
    step = parts.step(side="generator", generator=parts.LinearGenerator(torch.randn(32, 6), (2, 4, 4)))
    step.generator, step.fake_labels = network, torch.tensor([0, 2, 1, 0])
    noise = Stream("test").normal(4, 2, 4, 4) / 4
    lengths = []
    for index in range(4):
        style = network.styles(step.latents[[index]], step.fake_labels[[index]]).detach()
        gradient = torch.autograd.functional.vjp(network.synthesize, style, noise[[index]])[1]
        lengths.append(gradient.norm())
    value = PathLength(decay=0.0, batch_shrink=1).generator(step)
    torch.testing.assert_close(value, torch.stack(lengths).square().mean(), rtol=1e-4, atol=0)
    value.backward()
    assert network.blocks[0].feed_forward.out.weight.grad.isfinite().all()
