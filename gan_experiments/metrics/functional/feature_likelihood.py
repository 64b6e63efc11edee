"""Feature likelihood score (FLS): how likely held-out samples are under Gaussians around generated ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_STEPS = 100  # of the fit, with its rates: those of the authors' code
_RATE = 0.5
_DECAY_AFTER = 50
_BOUNDS = (-100.0, 20.0)  # of the logarithms of variances


def feature_likelihood_score(training: Tensor, reference: Tensor, held_out: Tensor, fake: Tensor) -> float:
    """Return ``100 exp(-2 (L(fake) - L(reference)) / D)``, with the negative log-likelihoods ``L`` of held-out samples.

    Jiralerspong et al. 2023, in the form of their code and of dgm-eval: around each sample of a set lies a Gaussian
    whose variance is fitted to the training samples, so Gaussians around copies of these become narrow and explain no
    others. Features are divided by their deviation over all sets. 100 for samples as good as real ones.
    Memory: a matrix of training times generated samples, twice.

    Args:
        training: Features of samples that the variances are fitted to: ``(N, D)``.
        reference: Features of other samples of the generator's training set: ``(R, D)``.
        held_out: Features of real samples that the generator was not trained on: ``(H, D)``.
        fake: Features of generated samples: ``(M, D)``; as many as ``reference``.

    Raises:
        ValueError: One of the sets has fewer than two samples.
    """
    sets = [training, reference, held_out, fake]
    if min(len(each) for each in sets) < 2:
        raise ValueError("the feature likelihood needs at least 2 samples of each set")
    with torch.inference_mode(False), torch.enable_grad():  # the fit needs gradients, wherever it is called
        deviation, mean = torch.std_mean(torch.cat(sets).double(), 0)
        first, second, third, fourth = ((each.double() - mean) / deviation.clamp_min(1e-12) for each in sets)
        of_fake, of_reference = (_held_out_loss(first, third, centres) for centres in (fourth, second))
    return 100 * math.exp(-2 * (of_fake - of_reference) / training.shape[1])


def _held_out_loss(training: Tensor, held_out: Tensor, centres: Tensor) -> float:
    """Return the mean negative log-likelihood of held-out samples under Gaussians fitted to training samples."""
    variances = fit_variances(torch.cdist(training, centres).square(), training.shape[1])
    return mean_loss(torch.cdist(held_out, centres).square(), variances, training.shape[1]).item()


def fit_variances(distances: Tensor, dimension: int) -> Tensor:
    """Return the logarithms ``(M,)`` of the variances that make samples likely, from squared distances ``(N, M)``."""
    logarithms = torch.zeros(distances.shape[1], dtype=distances.dtype, device=distances.device, requires_grad=True)
    optimizer = torch.optim.Adam([logarithms], lr=_RATE)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [_DECAY_AFTER], gamma=0.1)
    for _ in range(_STEPS):
        (logarithms.grad,) = torch.autograd.grad(mean_loss(distances, logarithms, dimension), logarithms)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            logarithms.clamp_(*_BOUNDS)
    return logarithms.detach()


def mean_loss(distances: Tensor, logarithms: Tensor, dimension: int) -> Tensor:
    """Return the mean negative logarithm of a mixture of ``M`` Gaussians, without its constant, a scalar."""
    exponents = -0.5 * distances / logarithms.exp() - dimension / 2 * logarithms
    return math.log(len(logarithms)) - exponents.logsumexp(1).mean()
