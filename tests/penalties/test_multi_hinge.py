import numpy as np
import pytest
import torch
from class_heads import FAKE, REAL, conditional_step, in_numpy

from gan_experiments.penalties.multi_hinge import MultiHinge


def margin_loss(step, features, labels):
    """The multi-class hinge loss of Crammer & Singer 2001, sample by sample."""
    scores = in_numpy(features) @ in_numpy(step.discriminator.class_head.weight).T
    losses = []
    for row, label in zip(scores, labels.tolist(), strict=True):
        wrong = max(score for place, score in enumerate(row) if place != label)
        losses.append(max(0.0, 1 + wrong - row[label]))
    assert np.count_nonzero(losses) > 0
    return np.mean(losses)


def test_reals_train_the_classifier_and_fakes_the_generator():
    step = conditional_step("projection_classifier")
    with torch.no_grad():
        step.discriminator.class_head.weight.mul_(5)  # some margins are kept, some are not
    expected = margin_loss(step, step.real_features, REAL)
    assert MultiHinge().discriminator(step).item() == pytest.approx(expected, rel=1e-10)
    expected = margin_loss(step, step.fake_features, FAKE)
    assert MultiHinge(generator_weight=0.3).generator(step).item() == pytest.approx(0.3 * expected, rel=1e-10)


def test_it_stands_beside_a_projection():
    step = conditional_step("projection_classifier")
    discriminator = step.discriminator
    output, features = discriminator.forward_with_features(step.real, REAL)
    expected = discriminator.head(features).squeeze(1) + (discriminator.projection(REAL) * features).sum(1)
    torch.testing.assert_close(output, expected)
    assert discriminator.class_head.weight.shape == (3, 7)
    MultiHinge().generator(step).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in step.generator.parameters())
