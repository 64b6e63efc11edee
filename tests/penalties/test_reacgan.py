import numpy as np
import pytest
import torch
from class_heads import FAKE, REAL, conditional_step, embedded

from gan_experiments.penalties.reacgan import ReACGAN


def cross_entropy(step, features, labels, temperature=0.5, positive=0.98, negative=0.02):
    """Kang et al. 2021, the data-to-data cross-entropy, sample by sample."""
    images, proxies = embedded(step, features, labels)
    losses = []
    for i in range(len(labels)):
        own = np.exp(min(images[i] @ proxies[i] - positive, 0) / temperature)
        unlike = [k for k in range(len(labels)) if labels[k] != labels[i]]
        every = sum(np.exp(max(images[i] @ images[k] - negative, 0) / temperature) for k in unlike)
        losses.append(-np.log(own / (own + every)))
    return np.mean(losses)


@pytest.mark.parametrize("options", [(0.5, 0.98, 0.02), (0.2, 0.1, 0.5)])
def test_cross_entropy_is_that_of_the_paper(options):
    step = conditional_step("contrastive")
    penalty = ReACGAN(1.0, *options)
    expected = cross_entropy(step, step.real_features, REAL, *options)
    assert penalty.discriminator(step).item() == pytest.approx(expected, rel=1e-10)
    expected = cross_entropy(step, step.fake_features, FAKE, *options)
    assert penalty.generator(step).item() == pytest.approx(expected, rel=1e-10)


def test_easy_samples_pull_and_push_no_more():
    """Beyond both margins the gradient is zero."""
    step = conditional_step("contrastive")
    penalty = ReACGAN(1.0, 0.5, positive_margin=0.0, negative_margin=1.0)
    head = step.discriminator.class_head
    with torch.no_grad():
        images = torch.nn.functional.normalize(head.embed(step.real_features), dim=1)
        for label in range(3):
            head.proxies.weight[label] = images[step.labels == label].sum(dim=0)
    penalty.discriminator(step).backward()
    assert all(parameter.grad.abs().max() < 1e-12 for parameter in head.parameters())


def test_gradients_are_finite_if_there_is_one_class_only():
    step = conditional_step("contrastive")
    step.labels = torch.zeros(6, dtype=torch.long)
    value = ReACGAN().discriminator(step)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert all(parameter.grad.isfinite().all() for parameter in step.discriminator.class_head.parameters())
