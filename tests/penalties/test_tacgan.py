import numpy as np
import pytest
import torch
from class_heads import FAKE, REAL, conditional_step, in_numpy

from gan_experiments.penalties.tacgan import TACGAN


def cross_entropy(step, features, labels, twin):
    logits = in_numpy(features) @ in_numpy(step.discriminator.class_head.weight).T
    logits = logits[:, 3:] if twin else logits[:, :3]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.log(chances[np.arange(6), labels.numpy()]).mean()


def test_both_networks_minimize_the_papers_terms():
    step = conditional_step("twin_classifier")
    real, fake = step.real_features, step.fake_features
    expected = cross_entropy(step, real, REAL, twin=False) + cross_entropy(step, fake, FAKE, twin=True)
    assert TACGAN().discriminator(step).item() == pytest.approx(expected, rel=1e-10)
    expected = cross_entropy(step, fake, FAKE, twin=False) - cross_entropy(step, fake, FAKE, twin=True)
    assert TACGAN().generator(step).item() == pytest.approx(expected, rel=1e-10)


def test_twins_that_agree_leave_the_generator_alone():
    step = conditional_step("twin_classifier")
    with torch.no_grad():
        step.discriminator.class_head.weight[3:] = step.discriminator.class_head.weight[:3]
    assert TACGAN().generator(step).item() == 0
