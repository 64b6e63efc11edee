import numpy as np
import pytest
import torch
from class_heads import FAKE, REAL, conditional_step, in_numpy

from gan_experiments.penalties.adcgan import ADCGAN


def cross_entropy(step, features, classes):
    logits = in_numpy(features) @ in_numpy(step.discriminator.class_head.weight).T
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.log(chances[np.arange(6), classes.numpy()]).mean()


def test_both_networks_minimize_the_papers_terms():
    step = conditional_step("twin_classifier")
    real, fake = step.real_features, step.fake_features
    expected = cross_entropy(step, real, REAL) + cross_entropy(step, fake, FAKE + 3)
    assert ADCGAN().discriminator(step).item() == pytest.approx(expected, rel=1e-10)
    expected = cross_entropy(step, fake, FAKE) - cross_entropy(step, fake, FAKE + 3)
    assert ADCGAN().generator(step).item() == pytest.approx(expected, rel=1e-10)


def test_the_gradient_reaches_the_generator():
    step = conditional_step("twin_classifier")
    ADCGAN().generator(step).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in step.generator.parameters())
    assert isinstance(step.discriminator.class_head, torch.nn.Linear)
