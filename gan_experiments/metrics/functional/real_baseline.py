"""Expected scores of a perfect generator, whose samples are new draws from the distribution of the real ones.

Each function returns, by name, the mean over draws of both sets, and the standard deviation where it is known. Random
choices do not depend on the seed of a run: runs on one dataset share their real baseline.
"""

from __future__ import annotations

import math
import statistics

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.functional.distances import nearest_others
from gan_experiments.metrics.functional.kernel_distance import polynomial_kernel
from gan_experiments.metrics.functional.precision_recall import precision_recall_density_coverage

Expected = dict[str, tuple[float, float | None]]

_KERNEL_SAMPLES = 2000  # real samples that the spread of a kernel distance is estimated from
_SPREAD_SAMPLES = 2000  # real samples that the spread of precision, recall, density and coverage is estimated from
_SPREAD_SPLITS = 10


def expected_inception_score(logits: Tensor, samples: int, splits: int) -> tuple[float, float]:
    """Return mean and standard deviation of the Inception Score of a perfect generator.

    It is the mean score of disjoint real sets of the size of a split. Where a split is larger than the real set, the
    logarithm of the score is corrected by ``c (1 / m - 1 / s)`` for its bias ``-c / s`` in ``s`` samples, with
    ``c = sum_y Var(p_y) / (2 E p_y)``. The deviation is that of a mean over ``n`` samples of ``KL(p(y|x) || p(y))``.

    Args:
        logits: Of the real samples: ``(m, K)``.
        samples: Generated samples ``n``.
        splits: Parts that generated samples are divided into, of ``s = n / splits`` samples.
    """
    size = min(samples // splits, len(logits))
    order = Stream("real baseline", "inception score").permutation(len(logits)).to(logits.device)
    log_p = logits[order[: len(logits) // size * size]].double().log_softmax(1).view(-1, size, logits.shape[1])
    p = log_p.exp()
    marginal = p.mean(1, keepdim=True)
    divergences = (torch.special.xlogy(p, p) - torch.special.xlogy(p, marginal)).sum(2)
    score = divergences.mean(1).exp().mean().item()
    bias = (p.flatten(0, 1).var(0) / p.mean((0, 1)).clamp(min=1e-300)).sum().item() / 2
    spread = divergences.std(1, correction=0).square().mean().sqrt().item()
    expected = score * math.exp(bias * max(0.0, 1 / size - splits / samples))
    return expected, expected * spread / math.sqrt(samples)


def expected_kernel_distance(features: Tensor, samples: int, subsets: int, subset_size: int) -> Expected:
    """Return what a perfect generator's kernel distance (``kid``) and its spread over subsets (``kid_spread``) are.

    The distance is unbiased: its mean is 0. Its variance in sets of ``n`` and ``m`` samples is, for one distribution,
    ``2 z (1 / n(n-1) + 1 / m(m-1) + 2 / nm)``, where ``z`` is the mean square of the centred kernel (Gretton et al.
    2012, appendix B.1), estimated without bias from 4 to 2,000 real samples (Székely & Rizzo 2014). The mean over
    random subsets has the variance of all samples, and a ``subsets``-th part of what a single subset has more.

    Args:
        features: Of the real samples: ``(m, D)``.
        samples: Generated samples ``n``.
        subsets: Number of random subsets.
        subset_size: Samples of each set in a subset.
    """
    count = len(features)
    if count < 4:
        return {"kid": (0.0, None)}
    chosen = Stream("real baseline", "kid").permutation(count)[:_KERNEL_SAMPLES].to(features.device)
    square = _mean_square_of_centred(features[chosen].double())

    def variance(n: int, m: int) -> float:
        return 2 * square * (1 / (n * (n - 1)) + 1 / (m * (m - 1)) + 2 / (n * m))

    of_all = variance(samples, count)
    more = max(0.0, variance(subset_size, subset_size) - of_all)
    return {
        "kid": (0.0, math.sqrt(of_all + more / subsets)),
        "kid_spread": (math.sqrt(more * (subsets - 1) / subsets), None),
    }


def expected_precision_recall_density_coverage(
    features: Tensor, samples: int, neighbours: int = 3, density_neighbours: int = 5
) -> Expected:
    """Return the scores of a perfect generator by name; ``neighbours`` as for the scores themselves.

    A new sample lies in the ball of a real one just if it is one of the ``k`` nearest of that among all others and
    itself. So, for any distribution without ties:

    - ``precision`` is the share of real samples that are among the ``k`` nearest neighbours of another;
    - ``recall`` is the same share in a set of ``n + 1`` samples; if there are fewer real ones, on the line through the
      shares in the real set, its halves and its quarters over their size to the power of -1/4, which fits best;
    - ``density`` is 1;
    - ``coverage`` is ``1 - prod_i (m - 1 - i) / (n + m - 1 - i)``, ``i < k`` (Naeem et al. 2020, section 3.3).

    The spread is that between two parts of the real set with the ratio of ``n`` to ``m``, but at least an eighth, times
    the root of the ratio of ``1 / n + 1 / m``: for few samples or many modes it is up to 40 % too small.

    Args:
        features: Of the real samples: ``(m, D)``.
        samples: Generated samples ``n``.
        neighbours: ``k`` of precision and recall.
        density_neighbours: ``k`` of density and coverage.
    """
    count = len(features)
    features = features[Stream("real baseline", "neighbours").permutation(count).to(features.device)]
    misses = ((count - 1 - i) / (samples + count - 1 - i) for i in range(density_neighbours))
    precision = _share_of_neighbours(features, neighbours)
    values = {
        "precision": precision,
        "recall": _share_at(features, samples + 1, precision, neighbours),
        "density": 1.0,
        "coverage": 1 - math.prod(misses),
    }
    spreads = _spreads(features, samples, neighbours, density_neighbours)
    return {name: (value, spreads.get(name)) for name, value in values.items()}


def _mean_square_of_centred(samples: Tensor) -> float:
    """Return the unbiased mean square of the kernel between two samples, centred (Székely & Rizzo 2014, section 3)."""
    count = len(samples)
    kernel = polynomial_kernel(samples, samples).fill_diagonal_(0)
    rows = kernel.sum(1) / (count - 2)
    kernel += kernel.sum() / ((count - 1) * (count - 2)) - rows - rows[:, None]
    squares = kernel.fill_diagonal_(0).square().sum().item()
    return squares / (count * (count - 3))


def _share_at(features: Tensor, size: int, of_all: float, neighbours: int) -> float:
    """Return the share of neighbours in sets of ``size``; extrapolated, also from that ``of_all``, if it is larger."""

    def mean_share(size: int) -> float:
        parts = torch.split(features[: len(features) // size * size], size)
        return statistics.fmean(_share_of_neighbours(part, neighbours) for part in parts)

    if size <= len(features):
        return mean_share(size)
    shares = {len(features): of_all}
    shares |= {part: mean_share(part) for part in (len(features) // n for n in (2, 4)) if part > neighbours}
    if len(shares) == 1:
        return of_all
    line = statistics.linear_regression([part**-0.25 for part in shares], list(shares.values()))
    share: float = line.intercept + line.slope * size**-0.25
    return min(1.0, max(0.0, share))


def _share_of_neighbours(features: Tensor, neighbours: int) -> float:
    """Return the share of samples that are among the nearest neighbours of another."""
    near = torch.zeros(len(features), dtype=torch.bool, device=features.device)
    near[nearest_others(features, neighbours)[1].flatten()] = True
    return near.double().mean().item()


def _spreads(features: Tensor, samples: int, neighbours: int, density_neighbours: int) -> dict[str, float]:
    """Return standard deviations of the four scores by name; nothing if there are too few samples."""
    count = len(features)
    total = min(count, _SPREAD_SAMPLES)
    least = max(1 + max(neighbours, density_neighbours), total // 8)
    if total < 2 * least:
        return {}
    generated = min(max(round(total * samples / (samples + count)), least), total - least)
    scores = []
    for split in range(_SPREAD_SPLITS):
        order = Stream("real baseline", "spread", split).permutation(count)[:total].to(features.device)
        sides = features[order[generated:]], features[order[:generated]]
        scores.append(precision_recall_density_coverage(*sides, neighbours, density_neighbours).means())
    scale = math.sqrt((1 / samples + 1 / count) / (1 / generated + 1 / (total - generated)))
    return {name: scale * statistics.stdev(each[name] for each in scores) for name in scores[0]}
