import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.max_gradient_penalty import MaxGradientPenalty


def test_it_is_the_largest_squared_norm(parts):
    step = parts.step(discriminator=parts.Quadratic())
    share = Stream("test").uniform(4, 1, 1, 1)
    squares = (share * step.real + (1 - share) * step.fake).flatten(1).square().sum(1)
    torch.testing.assert_close(MaxGradientPenalty().discriminator(step), squares.max())
    assert squares.max() > 1.2 * squares.mean()
