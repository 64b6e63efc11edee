import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.zcr import ZCR


def test_both_terms_of_linear_networks(parts):
    weight, matrix = torch.randn(32), torch.randn(32, 5)
    networks = {"discriminator": parts.Linear(weight), "generator": parts.LinearGenerator(matrix, (2, 4, 4))}
    penalty = ZCR(sigma=0.2, discriminator_weight=3.0, generator_weight=0.7)
    move = 0.2 * Stream("test").normal(4, 5) @ matrix.T
    value = penalty.discriminator(parts.step(**networks))
    torch.testing.assert_close(value, 3.0 * (move @ weight).square().mean(), rtol=1e-4, atol=1e-5)
    value = penalty.generator(parts.step(side="generator", **networks))
    torch.testing.assert_close(value, -0.7 * move.square().mean(), rtol=1e-4, atol=1e-5)


def test_the_discriminators_term_does_not_train_the_generator(parts):
    step = parts.step()
    value = ZCR().discriminator(step)
    assert torch.autograd.grad(value, list(step.generator.parameters()), allow_unused=True) == (None,) * 4
