import torch

from gan_experiments.penalties.feature_matching import FeatureMatching


def test_it_is_the_squared_distance_of_mean_features(parts):
    step = parts.step(side="generator")
    features = step.discriminator.features
    expected = (features(step.real).mean(0) - features(step.fake).mean(0)).norm() ** 2
    torch.testing.assert_close(FeatureMatching().generator(step), expected)


def test_equal_batches_match(parts):
    step = parts.step(side="generator")
    step.real = step.fake.detach().flip(0)
    assert FeatureMatching().generator(step) < 1e-10


def test_the_discriminator_has_no_term(parts):
    assert FeatureMatching().discriminator(parts.step()) is None
