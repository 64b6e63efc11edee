import numpy as np
import pytest
import torch
from class_heads import FAKE, REAL, conditional_step, embedded

from gan_experiments.penalties.contragan import ContraGAN


def contrast(step, features, labels, temperature):
    """Kang & Park 2020, the conditional contrastive loss, sample by sample."""
    images, proxies = embedded(step, features, labels)
    losses = []
    for i in range(len(labels)):
        own = np.exp(images[i] @ proxies[i] / temperature)
        others = [k for k in range(len(labels)) if k != i]
        equals = sum(np.exp(images[i] @ images[k] / temperature) for k in others if labels[k] == labels[i])
        every = sum(np.exp(images[i] @ images[k] / temperature) for k in others)
        losses.append(-np.log((own + equals) / (own + every)))
    return np.mean(losses)


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_contrast_is_that_of_the_paper(temperature):
    step, penalty = conditional_step("contrastive"), ContraGAN(temperature=temperature)
    real, fake = (step.real_features, REAL, temperature), (step.fake_features, FAKE, temperature)
    assert penalty.discriminator(step).item() == pytest.approx(contrast(step, *real), rel=1e-10)
    assert penalty.generator(step).item() == pytest.approx(contrast(step, *fake), rel=1e-10)


def test_gradients_are_finite_however_cold():
    step = conditional_step("contrastive")
    step.labels = torch.arange(6) % 3
    ContraGAN(temperature=1e-3).discriminator(step).backward()
    gradients = [parameter.grad for parameter in step.discriminator.class_head.parameters()]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_batch_of_one_class_has_nothing_to_be_told_from():
    step = conditional_step("contrastive")
    step.labels = torch.zeros(6, dtype=torch.long)
    assert ContraGAN().discriminator(step).item() == pytest.approx(0, abs=1e-12)
