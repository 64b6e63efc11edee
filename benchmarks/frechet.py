"""Speed and agreement of the Fréchet distance: this project, torchmetrics, torch-fidelity and scipy, interleaved.

    python benchmarks/frechet.py --rounds 5 --output benchmarks/results/frechet.md

Both sets have the same number of samples, of correlated features with variances over six decades, as features after a
ReLU have. The time is from accumulated statistics to the distance; scipy, which takes longest, runs once.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import harness
import numpy as np
import scipy.linalg
import torch
import torch_fidelity
import torchmetrics
from torch import Tensor
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torchmetrics.image.fid import _compute_fid

from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.moments import Moments

OURS, THEIRS = "gan_experiments", "torchmetrics"
Implementation = Callable[[], float]


def main() -> None:
    """Time all implementations at every size and print a table."""
    parser = harness.parser(__doc__, rounds=5, threads=1)
    parser.add_argument("--features", type=int, nargs="+", default=[64, 256, 2048])
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--skip-scipy", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    libraries = (torchmetrics, torch_fidelity, scipy)
    lines = harness.heading(
        f"{options.threads} thread(s)", *(f"{each.__name__} {each.__version__}" for each in libraries)
    )
    columns = ("features", "samples", "by", "seconds", f"{THEIRS} over it", f"relative difference from {OURS}")
    lines += harness.head(*columns)
    for features in options.features:
        for samples in options.samples:
            lines += rows(features, samples, options.rounds, not options.skip_scipy)
            print("\n".join(lines[-4:]), file=sys.stderr, flush=True)
    harness.report(lines, options.output)


def rows(features: int, samples: int, rounds: int, with_scipy: bool) -> list[str]:
    """Return the rows of the table for one size: median seconds, and the median over rounds of the ratio."""
    first, second = draw(samples, features, 0), 1.05 * draw(samples, features, 1)
    implementations = {**prepare(first, second), **({"scipy": with_scipys_root(first, second)} if with_scipy else {})}
    values = {name: run() for name, run in implementations.items() if name != "scipy"}  # and warms up
    seconds: dict[str, list[float]] = {name: [] for name in implementations}
    for turn in range(rounds):
        for name, run in implementations.items():
            if name != "scipy" or not turn:
                began = time.perf_counter()
                values[name] = run()
                seconds[name].append(time.perf_counter() - began)
    lines = []
    for name, times in seconds.items():
        ratio = statistics.median(them / me for them, me in zip(seconds[THEIRS], times, strict=False))
        off = f"{abs(values[name] / values[OURS] - 1):.0e}" if name != OURS else ""
        lines.append(f"| {features} | {samples} | {name} | {statistics.median(times):.4f} | {ratio:.2f} | {off} |")
    return lines


def draw(samples: int, features: int, seed: int) -> Tensor:
    """Return correlated features: float64, ``(samples, features)``."""
    mix = torch.randn(features, features, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    drawn = torch.randn(samples, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn * torch.logspace(0, -3, features, dtype=torch.float64) @ mix / features**0.5


def prepare(first: Tensor, second: Tensor) -> dict[str, Implementation]:
    """Accumulate the statistics of both sets for each implementation; return what computes the distance."""
    ours = [moments(side) for side in (first, second)]
    theirs = [part for side in (first, second) for part in (side.mean(0), torch.cov(side.T))]
    arrays = [{"mu": side.mean(0).numpy(), "sigma": np.cov(side.numpy(), rowvar=False)} for side in (first, second)]
    return {
        OURS: lambda: frechet_distance(*(side.gaussian() for side in ours)),
        THEIRS: lambda: _compute_fid(*theirs).item(),
        "torch-fidelity": lambda: fid_statistics_to_metric(*arrays, verbose=False)["frechet_inception_distance"],
    }


def moments(features: Tensor) -> Moments:
    """Return the moments of features ``(N, D)``, accumulated in batches."""
    accumulated = Moments(features.shape[1])
    for part in features.split(50):
        accumulated.update(part)
    return accumulated


def with_scipys_root(first: Tensor, second: Tensor) -> Implementation:
    """Return a function that computes the distance with scipy's matrix square root, as pytorch-fid does."""
    means = (first.mean(0) - second.mean(0)).square().sum().item()
    covariances = [np.cov(side.numpy(), rowvar=False) for side in (first, second)]

    def distance() -> float:
        root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
        return float(means + sum(map(np.trace, covariances)) - 2 * np.trace(root.real))

    return distance


if __name__ == "__main__":
    main()
