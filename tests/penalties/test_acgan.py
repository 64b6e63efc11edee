import numpy as np
import pytest
import torch
from class_heads import FAKE, REAL, conditional_step, in_numpy

from gan_experiments.penalties.acgan import ACGAN


def cross_entropy(step, features, labels):
    logits = in_numpy(features) @ in_numpy(step.discriminator.class_head.weight).T
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.log(chances[np.arange(6), labels.numpy()]).mean()


def test_both_networks_want_classes_to_be_named():
    step, penalty = conditional_step("classifier"), ACGAN()
    real, fake = cross_entropy(step, step.real_features, REAL), cross_entropy(step, step.fake_features, FAKE)
    assert penalty.discriminator(step).item() == pytest.approx(real + fake, rel=1e-10)
    assert penalty.generator(step).item() == pytest.approx(fake, rel=1e-10)
    assert ACGAN(on_fakes=False).discriminator(step).item() == pytest.approx(real, rel=1e-10)
    assert ACGAN(on_fakes=False).generator(step).item() == pytest.approx(fake, rel=1e-10)


def test_the_gradient_reaches_head_features_and_generator():
    step = conditional_step("classifier")
    ACGAN().generator(step).backward()
    for network in (step.generator, step.discriminator.layers, step.discriminator.class_head):
        assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    assert step.discriminator.head.weight.grad is None


def test_labels_and_features_are_needed():
    step = conditional_step("classifier")
    step.fake_labels = None
    with pytest.raises(ValueError, match="needs labels"):
        ACGAN().generator(step)


def test_half_precision_features_are_taken_in_full():
    step = conditional_step("classifier")
    step.discriminator.float()
    step.fake_features = step.fake_features.bfloat16()
    assert ACGAN().generator(step).dtype == torch.float32
