import torch

from gan_experiments.penalties.approximate_r2 import ApproximateR2


def test_it_looks_at_fakes_and_their_labels_alone(parts):
    discriminator = parts.Counting(parts.Quadratic())
    step = parts.step(discriminator=discriminator)
    step.labels, step.fake_labels = torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    discriminator.labels.clear()
    step.real = step.real_output = None
    ApproximateR2().discriminator(step)
    assert discriminator.labels == {1}
