import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.bcr import BCR
from gan_experiments.penalties.cr import flip_and_shift


def test_it_is_the_weighted_sum_over_reals_and_fakes(parts):
    weight = torch.randn(32)
    step = parts.step(discriminator=parts.Linear(weight))
    stream = Stream("test")
    fake, real = (
        ((images - flip_and_shift(images, stream, True, 3)).flatten(1) @ weight).square().mean()
        for images in (step.fake, step.real)
    )
    torch.testing.assert_close(BCR(shift=3, fake_ratio=0.3).discriminator(step), real + 0.3 * fake)
