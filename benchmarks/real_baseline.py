"""Real baselines against what new draws from known distributions get: simulated, at several numbers of samples.

For each distribution, a real and a generated set are drawn again and again and compared: that is a perfect generator.
The real baseline is computed from the real set alone.

    python benchmarks/real_baseline.py --output benchmarks/results/real_baseline.md
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator

import harness
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from gan_experiments.metrics.functional import (
    divide,
    expected_frechet_distance,
    expected_inception_score,
    expected_kernel_distance,
    expected_precision_recall_density_coverage,
    fit_gaussian,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall_density_coverage,
)

Draw = Callable[[int], Tensor]
SIZES = ((50, 200), (1000, 200), (200, 1000), (4000, 1000))
NAMES = ("fid", "kid", "is", "precision", "recall", "density", "coverage")
SPLITS, SUBSETS, CLASSES = 10, 20, 10


def normal(*shape: int) -> Tensor:
    """Draw from the standard normal distribution, float64."""
    return torch.randn(*shape, dtype=torch.float64)


def distributions(features: int) -> dict[str, Draw]:
    """Return distributions of features by name."""
    scale = torch.arange(1, features + 1, dtype=torch.float64) ** -0.5
    torch.manual_seed(0)
    centers, widths = 3 * normal(10, features) * scale, torch.rand(10, features) * scale
    weights, bias = normal(16, features) / 4, normal(features) / 2

    def mixture(count: int) -> Tensor:
        modes = torch.randint(10, (count,))
        return centers[modes] + widths[modes] * normal(count, features)

    return {
        "normal, flat": lambda count: normal(count, features),
        "normal, 1/i": lambda count: normal(count, features) * scale,
        "normal, 1/i²": lambda count: normal(count, features) * scale**2,
        "mixture of ten": mixture,
        "ReLU of 16 latents": lambda count: torch.relu(normal(count, 16) @ weights + bias),
        "Student's t, 5 degrees": lambda count: scale * normal(count, features) / _chi(count, 5),
        "lognormal": lambda count: scale * normal(count, features).exp(),
    }


def digits_mixture() -> Draw:
    """Return a mixture of ten Gaussians, fitted to the pixels of the digits by class."""
    pixels, labels = (torch.as_tensor(each) for each in load_digits(return_X_y=True))
    means = torch.stack([pixels[labels == label].mean(0) for label in range(10)])
    factors = []
    for label in range(10):
        values, vectors = torch.linalg.eigh(pixels[labels == label].T.cov())
        factors.append(vectors * values.clamp(min=0).sqrt())
    roots = torch.stack(factors)

    def draw(count: int) -> Tensor:
        modes = torch.randint(10, (count,))
        return means[modes] + (roots[modes] @ normal(count, pixels.shape[1], 1))[..., 0]

    return draw


def _chi(count: int, degrees: int) -> Tensor:
    return normal(count, degrees).square().mean(1, keepdim=True).sqrt()


def scores(real: Tensor, fake: Tensor, head: Tensor, seed: int) -> list[float]:
    """Return FID, KID and IS of generated features."""
    kid, _ = kernel_distance(real, fake, seed, SUBSETS, min(len(real), len(fake)) // 2)
    return [frechet_distance(fit_gaussian(real), fit_gaussian(fake)), kid, inception_score(fake @ head, SPLITS)[0]]


def baselines(real: Tensor, samples: int, head: Tensor) -> list[tuple[float, float | None]]:
    """Return real baselines of FID, KID and IS with their spreads."""
    kid = expected_kernel_distance(real, samples, SUBSETS, min(len(real), samples) // 2)["kid"]
    return [
        expected_frechet_distance(divide(real), samples),
        kid,
        expected_inception_score(real @ head, samples, SPLITS),
    ]


def simulate(draw: Draw, samples: int, real: int, repeats: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, for each measure, scores of a perfect generator ``(R,)``, and baselines with their spreads ``(B, 2)``."""
    features = draw(2000)
    head = normal(features.shape[1], CLASSES)
    head *= 3 / (features @ head).std(0)
    got = torch.tensor([scores(draw(real), draw(samples), head, seed) for seed in range(repeats)])
    said = torch.tensor([baselines(draw(real), samples, head) for _ in range(max(2, repeats // 4))])
    yield from zip(got.T, said.transpose(0, 1), strict=True)
    got = torch.tensor(
        [list(precision_recall_density_coverage(draw(real), draw(samples)).means().values()) for _ in range(repeats)]
    )
    expected = [expected_precision_recall_density_coverage(draw(real), samples) for _ in range(max(2, repeats // 4))]
    said = torch.tensor([list(each.values()) for each in expected])
    yield from zip(got.T, said.transpose(0, 1), strict=True)


def rows(named: dict[str, Draw], repeats: int, label: str) -> Iterator[str]:
    """Yield a row for each distribution and pair of sizes: mean and spread of each baseline, relative to the truth."""
    for name, draw in named.items():
        torch.manual_seed(0)
        for samples, real in SIZES:
            cells = []
            for measure, (got, said) in zip(NAMES, simulate(draw, samples, real, repeats), strict=True):
                mean, deviation, value = got.mean(), got.std(), said[:, 0].mean()
                # Where almost all are covered, coverage has no spread to speak of.
                of_spread = f"{said[:, 1].square().mean().sqrt() / deviation:.2f}" if deviation > 1e-3 * mean else "-"
                error = f"{(value - mean) / deviation:+.2f}" if measure == "kid" else f"{value / mean:.2f}"
                cells.append(f"{error} ({of_spread})")
            row = f"| {name} | {label} | {samples:,} | {real:,} | {' | '.join(cells)} |"
            print(row, file=sys.stderr, flush=True)
            yield row


def costs() -> Iterator[str]:
    """Yield the time that the baseline of the FID takes."""
    for features, real in ((64, 1800), (256, 10000), (2048, 10000)):
        parts = divide(normal(real, features))
        start = time.process_time()
        expected_frechet_distance(parts, 10000)
        yield f"- {features:,} features, {real:,} real samples: {time.process_time() - start:.1f} s"


def main() -> None:
    """Simulate and print the table, or write it."""
    parser = harness.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=24, help="pairs of sets")
    parser.add_argument("--features", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--only", default="", help="distributions whose names contain this")
    options = parser.parse_args()
    lines = [
        "# Real baselines against new draws from known distributions",
        "",
        *harness.heading(),
        "Real baseline over the score of a perfect generator: means over real sets, and in brackets the spread of",
        "the baseline over the standard deviation of the score. For KID, whose mean is 0, the error in deviations.",
        f"Scores are over {options.repeats} pairs of sets, baselines over a quarter as many real sets. So ratios of",
        f"spreads have standard errors of about {1 / math.sqrt(2 * options.repeats):.2f}, and those of the FID, whose",
        f"deviation is up to 0.4 of its mean, of up to {0.45 / math.sqrt(options.repeats):.2f}.",
        "",
        f"| distribution | features | samples | real | {' | '.join(NAMES)} |",
        "|---|" + "---:|" * (3 + len(NAMES)),
    ]
    for features in options.features:
        named = distributions(features) | ({"mixture fitted to digits": digits_mixture()} if features == 64 else {})
        chosen = {name: draw for name, draw in named.items() if options.only in name}
        lines += rows(chosen, options.repeats, f"{features}")
    lines += ["", "Processor time of the baseline of the FID:", "", *costs(), ""]
    harness.report(lines, options.output)


if __name__ == "__main__":
    main()
