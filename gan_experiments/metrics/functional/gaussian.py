"""Mean and covariance of a set of features: the Gaussian that Fréchet distances are computed from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, addr


@dataclass(frozen=True)
class Gaussian:
    """The normal distribution with the mean and covariance of a set of features; all tensors are float64.

    Attributes:
        count: Samples it was estimated from.
        mean: ``(D,)``.
        covariance: ``(D, D)``, with the divisor ``count - 1``; ``None`` if there is a ``factor``.
        factor: ``(count, D)`` with ``factor.T @ factor`` equal to the covariance: the centred features, divided by the
            square root of ``count - 1``. Used for at most ``D`` samples, whose covariance is rank-deficient.
    """

    count: int
    mean: Tensor
    covariance: Tensor | None = None
    factor: Tensor | None = None

    def trace(self) -> Tensor:
        """Return the trace of the covariance, a scalar."""
        if self.factor is not None:
            return self.factor.square().sum()
        assert self.covariance is not None
        return self.covariance.trace()


def fit_gaussian(features: Tensor) -> Gaussian:
    """Return the mean and the unbiased covariance of features.

    Sums are relative to the first sample, so that nothing cancels where features lie far from zero.

    Args:
        features: Float64, ``(N, D)``.

    Raises:
        ValueError: There are fewer than two samples, or a feature is not finite.
    """
    count, num_features = features.shape
    if count < 2:
        raise ValueError(f"a covariance needs at least 2 samples, not {count}")
    shifted = features - features[0]
    if count > num_features:
        return gaussian_from_sums(count, features[0], shifted.sum(0), shifted.T @ shifted)
    mean = shifted.mean(0)
    return _finite(Gaussian(count, features[0] + mean, factor=(shifted - mean) / (count - 1) ** 0.5))


def gaussian_from_sums(count: int, shift: Tensor, sums: Tensor, products: Tensor) -> Gaussian:
    """Return the Gaussian of samples ``x`` from their sums relative to ``shift``.

    Args:
        count: Samples.
        shift: ``(D,)``, a point near the samples: with it nothing cancels.
        sums: The sum of ``x - shift``: ``(D,)``.
        products: The sum of ``(x - shift)(x - shift)^T``: ``(D, D)``.

    Raises:
        ValueError: A feature is not finite.
    """
    mean = sums / count
    covariance = addr(products, sums, mean, alpha=-1).div_(count - 1)
    return _finite(Gaussian(count, shift + mean, covariance))


def _finite(gaussian: Gaussian) -> Gaussian:
    if not (gaussian.mean.isfinite().all() and gaussian.trace().isfinite()):
        raise ValueError("features are not finite")
    return gaussian
