import numpy as np
import pytest
import torch

from gan_experiments.losses.relativistic_average import RelativisticAverage


def softplus(x):
    return np.log1p(np.exp(x))


FORMS = {
    "non_saturating": (lambda x: softplus(-x), softplus),
    "least_squares": (lambda x: (x - 1) ** 2, lambda x: (x + 1) ** 2),
    "hinge": (lambda x: np.maximum(0, 1 - x), lambda x: np.maximum(0, 1 + x)),
}


@pytest.mark.parametrize("form", FORMS)
def test_compares_each_side_with_the_average_of_the_other(outputs, form):
    real, fake, r, f = outputs
    above, below = FORMS[form]
    loss = RelativisticAverage(form)
    expected = above(r - f.mean()).mean() + below(f - r.mean()).mean()
    assert loss.discriminator(real, fake).item() == pytest.approx(expected)
    expected = above(f - r.mean()).mean() + below(r - f.mean()).mean()
    assert loss.generator(fake, real).item() == pytest.approx(expected)


@pytest.mark.parametrize("form", FORMS)
def test_only_differences_matter(outputs, form):
    real, fake, *_ = outputs
    loss = RelativisticAverage(form)
    torch.testing.assert_close(loss.discriminator(real + 9, fake + 9), loss.discriminator(real, fake))
