"""How far a value would move with other samples: bootstrap intervals (Efron & Tibshirani 1993, chapter 13)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gan_experiments.metrics.frechet import frechet_distance
from gan_experiments.metrics.moments import Gaussian, Moments
from gan_experiments.randomness import Stream

RESAMPLES = 1000
_AT_A_TIME = 1 << 22  # weights: 32 MB


def mean_interval(samples: Tensor, seed: int, level: float = 0.95, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the percentile interval of a mean over samples: of precision, recall, density, coverage, an accuracy.

    What a sample's own value owes to the other samples, as a radius does, is taken as given.

    Args:
        samples: The value of each sample: ``(N,)``.
        seed: Of the resampling.
        level: Probability that the interval covers.
        resamples: How often the samples are drawn again.
    """
    values = samples.double().cpu()
    return weighted_interval(lambda weights: weights @ values / len(values), len(values), seed, level, resamples)


def inception_score_interval(
    logits: Tensor, seed: int, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the percentile interval of the Inception Score without splits.

    Args:
        logits: The classifier's outputs: ``(N, K)``.
        seed: Of the resampling.
        level: Probability that the interval covers.
        resamples: How often the samples are drawn again.
    """
    log_p = logits.double().cpu().log_softmax(1)
    p = log_p.exp()
    certainty = (p * log_p).sum(1)

    def scores(weights: Tensor) -> Tensor:
        marginal = weights @ p / len(p)
        divergence: Tensor = weights @ certainty / len(p) - torch.special.xlogy(marginal, marginal).sum(1)
        return divergence.exp()

    return weighted_interval(scores, len(p), seed, level, resamples)


def frechet_interval(
    real: Gaussian, fake: Tensor, seed: int, level: float = 0.95, resamples: int = 100
) -> tuple[float, float]:
    """Return an interval of the Fréchet distance at this number of generated samples.

    Samples that repeat have a larger distance than samples that do not, so that the percentiles lie too high; they
    are moved down by the mean of that. The interval is thus that of the biased distance which the same number of
    other samples would have. Cheap for tens of features, seconds per resample for thousands.

    Args:
        real: Mean and covariance of the real set.
        fake: Features of generated samples: ``(N, D)``.
        seed: Of the resampling.
        level: Probability that the interval covers.
        resamples: How often the samples are drawn again.
    """
    stream, samples = Stream(seed, "bootstrap"), fake.double()

    def distance(features: Tensor) -> float:
        moments = Moments(features.shape[1])
        moments.update(features)
        return frechet_distance(real, moments.gaussian())

    found = [distance(samples[stream.integers(len(fake), len(fake)).to(fake.device)]) for _ in range(resamples)]
    distances = torch.tensor(found, dtype=torch.float64)
    low, high = _quantiles(distances - distances.mean() + distance(samples), level)
    return max(0.0, low), high


def weighted_interval(
    statistic: Callable[[Tensor], Tensor], count: int, seed: int, level: float, resamples: int
) -> tuple[float, float]:
    """Return the percentile interval of a statistic that takes samples by their weights.

    Args:
        statistic: Maps how often each sample counts, float64 ``(R, N)``, to one value for each row, ``(R,)``.
        count: ``N``.
        seed: Of the resampling.
        level: Probability that the interval covers.
        resamples: How often the samples are drawn again.

    Raises:
        ValueError: There are fewer than two samples.
    """
    if count < 2:
        raise ValueError(f"an interval needs at least 2 samples, not {count}")
    stream, found = Stream(seed, "bootstrap"), []
    step = max(1, _AT_A_TIME // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = stream.integers(count, rows, count)
        weights = torch.zeros(rows, count, dtype=torch.float64)
        found.append(statistic(weights.scatter_add_(1, drawn, torch.ones(()).double().expand(rows, count))))
    return _quantiles(torch.cat(found), level)


def _quantiles(values: Tensor, level: float) -> tuple[float, float]:
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.quantile(values.cpu(), tails).tolist()
    return low, high
