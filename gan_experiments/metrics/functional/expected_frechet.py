"""Expected Fréchet distance of a perfect generator: between two samples of one distribution, of any two sizes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import Gaussian, fit_gaussian

Pair = tuple[Gaussian, Gaussian]
BASELINE_PARTS = 8  # of the real set: a power of two
_DRAWN = 256  # eigenvalues that are drawn at least: fewer features need more draws


class RealParts(NamedTuple):
    """The real set and its random parts of about equal size.

    Attributes:
        whole: All real samples.
        parts: ``BASELINE_PARTS`` disjoint parts; none: their distances are not computed, to save time.
        halves: Two sets each, of four parts against the others: ``half_splits`` says which.
    """

    whole: Gaussian
    parts: Sequence[Gaussian]
    halves: Sequence[Pair]


def divide(features: Tensor, parts: bool = True) -> RealParts:
    """Divide real features ``(m, D)``, float64, which are in random order; ``parts``: whether to keep the parts."""
    eighths = [features[index::BASELINE_PARTS] for index in range(BASELINE_PARTS)]
    sides = [[fit_gaussian(torch.cat([eighths[index] for index in side])) for side in split] for split in half_splits()]
    halves = [(first, second) for first, second in sides]
    return RealParts(fit_gaussian(features), [fit_gaussian(each) for each in eighths] if parts else [], halves)


def half_splits() -> list[tuple[list[int], list[int]]]:
    """Return the seven ways to divide eight parts in half that are orthogonal to each other (Walsh functions).

    Averages over them are those over all ways to divide the parts, and their variance is that of independent ways.
    """
    numbers = range(BASELINE_PARTS)
    sides = [[(number & split).bit_count() % 2 for number in numbers] for split in numbers[1:]]
    return [([n for n in numbers if side[n]], [n for n in numbers if not side[n]]) for side in sides]


def expected_frechet_distance(real: RealParts, samples: float) -> tuple[float, float]:
    """Return mean and standard deviation of the distance of a perfect generator's samples to the real set.

    Both sets are drawn from one distribution: the mean is over draws of both, as is the deviation. It has two terms:

    - That of the means has the expectation ``tr(C) (1 / n + 1 / m)`` for any distribution.
    - That of the covariances is simulated for normal features, whose sample covariances are Wishart matrices, with the
      eigenvalues of the real covariance (shrunk: Chen et al. 2010), and multiplied by a factor that says how far real
      features are from normal ones. The factor is measured between halves and between eighths of the real set, and
      extrapolated to ``n`` and ``m`` as a line in the square root of ``1 / n + 1 / m``.

    The deviation is that between halves, scaled as ``1 / n + 1 / m``. With heavy tails it is too small.

    Args:
        real: The real set, ``m`` samples.
        samples: Generated samples ``n``, fewer or more than the real ones, or ``inf``.

    Raises:
        ValueError: A part has fewer than two samples.
    """
    count, features = real.whole.count, len(real.whole.mean)
    half, part = count // 2, count // BASELINE_PARTS
    if part < 2:
        raise ValueError(f"an expected distance needs {2 * BASELINE_PARTS} real samples, not {count}")
    sizes = [(samples, count), (half, half), (part, part)]
    if not real.whole.trace() > 0:
        return 0.0, 0.0
    wanted, *normal = normal_distances(_shrunk_spectrum(real.whole), sizes, max(1, _DRAWN // features))
    pairs = [real.halves, list(combinations(real.parts, 2)) or real.halves]
    measured = [statistics.fmean(_without_means(*pair) for pair in each) for each in pairs]
    normal = normal if real.parts else [normal[0]] * 2
    factor = _extrapolated([is_ / would_be for is_, would_be in zip(measured, normal, strict=True)], sizes)
    inverse = 1 / samples + 1 / count
    spread = statistics.stdev(frechet_distance(*pair) for pair in real.halves)
    return real.whole.trace().item() * inverse + wanted * factor, spread * inverse * half / 2


def expected_class_wise_distances(features: Tensor, labels: Tensor, num_classes: int, samples: float) -> Tensor:
    """Return seven draws of the distances of a perfect generator within each class: float64, ``(7, num_classes)``.

    Each is the distance between halves of the real samples of a class, scaled to the expected distance.

    Args:
        features: Of the real samples, at least 16 of each class, in random order: ``(m, D)``.
        labels: Their classes: int64, ``(m,)``.
        num_classes: Labels are from 0 to ``num_classes - 1``.
        samples: Generated samples of each class.
    """
    columns = []
    for label in range(num_classes):
        real = divide(features[labels == label].double(), parts=False)
        distances = torch.tensor([frechet_distance(*pair) for pair in real.halves], dtype=torch.float64)
        scale = expected_frechet_distance(real, samples)[0] / distances.mean().clamp(min=1e-300)
        columns.append(scale * distances)
    return torch.stack(columns, 1)


def normal_distances(spectrum: Tensor, sizes: Sequence[tuple[float, float]], draws: int) -> list[float]:
    """Return the expected distance of the covariances of two samples of a normal distribution, for each pair of sizes.

    To second order in the deviation ``E`` of the covariances the distance is ``sum E_ij^2 / (2 (l_i + l_j))``, whose
    expectation is known; only the difference to it is simulated.

    Args:
        spectrum: Eigenvalues ``l`` of the covariance: float64, ``(D,)``.
        sizes: Numbers of samples, or ``inf``.
        draws: Draws to average over.
    """
    features, sums = len(spectrum), spectrum[:, None] + spectrum
    weights = torch.where(sums > 0, 0.5 / sums, 0.0)
    products = spectrum[:, None] * spectrum
    quadratic = (weights * (products + torch.diag(products.diagonal()))).sum().item()
    totals = [0.0] * len(sizes)
    for draw in range(draws):
        noise = [_noise(features, draw, side, spectrum.device) for side in range(2)]
        for index, (n, m) in enumerate(sizes):
            first, second = (_wishart(spectrum, size, *each) for size, each in zip((n, m), noise, strict=True))
            known = (weights * (_covariance(first) - _covariance(second)).square()).sum().item()
            totals[index] += frechet_distance(first, second) - known
    exact = [quadratic * (1 / (n - 1) + 1 / (m - 1)) for n, m in sizes]
    return [known + total / draws for known, total in zip(exact, totals, strict=True)]


def _extrapolated(factors: Sequence[float], sizes: Sequence[tuple[float, float]]) -> float:
    """Return the factor at the first sizes from those at the others, on a line; not beyond the smallest sizes."""
    wanted, of_halves, of_parts = ((1 / n + 1 / m) ** 0.5 for n, m in sizes)
    position = (of_halves - min(wanted, of_parts)) / (of_parts - of_halves)
    extrapolated: float = factors[0] + (factors[0] - factors[1]) * position
    return max(0.0, extrapolated)


def _without_means(first: Gaussian, second: Gaussian) -> float:
    return frechet_distance(first, replace(second, mean=first.mean))


def _shrunk_spectrum(gaussian: Gaussian) -> Tensor:
    """Return eigenvalues of a covariance, shrunk towards their mean: ``(D,)`` (OAS; Chen et al. 2010, equation 23)."""
    features = len(gaussian.mean)
    if gaussian.factor is not None:
        values = torch.zeros_like(gaussian.mean)
        squares = torch.linalg.svdvals(gaussian.factor).square()
        values[: len(squares)] = squares[:features]
    else:
        assert gaussian.covariance is not None
        values = torch.linalg.eigvalsh(gaussian.covariance).clamp_(min=0)
    total, squares = values.sum(), values.square().sum()
    above = (1 - 2 / features) * squares + total.square()
    below = (gaussian.count + 1 - 2 / features) * (squares - total.square() / features)
    share = min(1.0, (above / below).item()) if below > 0 else 1.0
    return (1 - share) * values + share * values.mean()


def _noise(features: int, draw: int, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    stream = Stream("real baseline", "covariances", draw, side)
    return stream.normal(features, features).double().to(device), stream.normal(features).double().to(device)


def _wishart(spectrum: Tensor, count: float, normal: Tensor, of_diagonal: Tensor) -> Gaussian:
    """Return the Gaussian, around 0, of ``count`` normal samples with a diagonal covariance.

    More samples than features are not drawn themselves, but the Cholesky factor of their covariance (Bartlett 1934),
    its chi-squared diagonal by the cube root of Wilson & Hilferty (1931): all sizes then share their random numbers.
    """
    features, deviations = len(spectrum), spectrum.sqrt()
    mean = torch.zeros_like(spectrum)
    if math.isinf(count):
        return Gaussian(0, mean, spectrum.diag())
    count = int(count)
    if count <= features:
        rows = normal[:count] * deviations
        return Gaussian(count, mean, factor=(rows - rows.mean(0)) / (count - 1) ** 0.5)
    freedom = count - 1 - torch.arange(features, dtype=torch.float64, device=spectrum.device)
    variance = 2 / (9 * freedom)
    squares = freedom * (1 - variance + of_diagonal * variance.sqrt()).clamp(min=0) ** 3
    factor = deviations[:, None] * (normal.tril(-1) + squares.sqrt().diag())
    return Gaussian(count, mean, factor @ factor.T / (count - 1))


def _covariance(gaussian: Gaussian) -> Tensor:
    if gaussian.factor is not None:
        return gaussian.factor.T @ gaussian.factor
    assert gaussian.covariance is not None
    return gaussian.covariance
