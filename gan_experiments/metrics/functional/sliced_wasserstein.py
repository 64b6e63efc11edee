"""Sliced Wasserstein distances: between features (MIND), and between patches of a Laplacian pyramid (SWD)."""

from __future__ import annotations

import statistics
import zlib

import torch
from torch import Tensor
from torch.nn.functional import conv2d, normalize, pad

from gan_experiments.core.randomness import Stream

MIN_PIXELS = 16  # of the coarsest level
PATCH = 7  # pixels of the side of a patch
_FILTER = (1.0, 4.0, 6.0, 4.0, 1.0)
_AT_ONCE = 64  # directions that are sorted at a time
_PAIRS = 5  # of parts of the real set, for a perfect generator


def sliced_wasserstein_distance(first: Tensor, second: Tensor, seed: int, directions: int = 512) -> float:
    """Return the mean 1-Wasserstein distance of the projections of two sets onto random directions.

    Karras et al. 2018, from Rabin et al. 2011: the mean absolute difference of sorted projections.

    Args:
        first: ``(N, D)``.
        second: ``(N, D)``.
        seed: Seed of the directions.
        directions: Number of directions.

    Raises:
        ValueError: The sets differ in size.
    """
    if len(first) != len(second):
        sizes = f"{len(first)} and {len(second)}"
        raise ValueError(f"the sliced Wasserstein distance compares sets of one size, not {sizes}")
    return _distance(first, second, Stream(seed, "swd", "directions"), directions, 1)


def monge_inception_distance(real: Tensor, fake: Tensor, seed: int, directions: int = 1000) -> float:
    """Return ``3 D`` times the mean squared 2-Wasserstein distance of projections onto random directions.

    Berthet et al. 2026. Of the larger set a random subset of the size of the smaller one counts.

    Args:
        real: Features of real samples: ``(N, D)``.
        fake: Features of generated samples: ``(M, D)``.
        seed: Seed of the subset and the directions.
        directions: Number of directions.
    """
    count = min(len(real), len(fake))
    if len(real) != len(fake):
        real, fake = _chosen(real, count, seed), _chosen(fake, count, seed)
    return 3 * real.shape[1] * _distance(real, fake, Stream(seed, "mind", "directions"), directions, 2)


def expected_monge_inception_distance(features: Tensor, samples: int, directions: int = 1000) -> tuple[float, float]:
    """Return mean and standard deviation of the distance of a perfect generator.

    From pairs of disjoint random parts of the real set, times the ratio of their size to the number that is compared:
    the distance of two draws of one distribution falls about as one over their size.

    Args:
        features: Of the real samples: ``(m, D)``.
        samples: Generated samples.
        directions: Number of directions.
    """
    count = min(samples, len(features))
    size = min(count, len(features) // 2)
    estimates = []
    for pair in range(_PAIRS):
        order = Stream("real baseline", "mind", pair).permutation(len(features)).to(features.device)
        first, second = features[order[:size]], features[order[size : 2 * size]]
        estimates.append(size / count * monge_inception_distance(first, second, pair, directions))
    return statistics.fmean(estimates), statistics.stdev(estimates)


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Return the levels of a Laplacian pyramid (Burt & Adelson 1983), the finest first, down to at least 16 pixels.

    Args:
        images: Float, ``(B, C, H, W)``; halved while both sides are even.
    """
    pyramid = [images]
    while min(pyramid[-1].shape[2:]) >= 2 * MIN_PIXELS and not any(side % 2 for side in pyramid[-1].shape[2:]):
        coarser = _filtered(pyramid[-1], 1.0)[:, :, ::2, ::2]
        finer = pyramid[-1].new_zeros(pyramid[-1].shape)
        finer[:, :, ::2, ::2] = coarser
        pyramid[-1] = pyramid[-1] - _filtered(finer, 4.0)
        pyramid.append(coarser)
    return pyramid


def patch_descriptors(images: Tensor, patches: int) -> list[Tensor]:
    """Return random patches of 7 x 7 pixels at each level of the pyramid: ``(B * patches, C, 7, 7)`` each.

    Where they lie is a function of the content of an image, so it does not matter which process looks at it.

    Args:
        images: uint8, ``(B, C, H, W)``.
        patches: Patches of an image.
    """
    keys = [zlib.crc32(image.cpu().numpy().tobytes()) for image in images]
    levels = []
    for number, level in enumerate(laplacian_pyramid(images.float())):
        rows, columns = (side - PATCH + 1 for side in level.shape[2:])
        drawn = torch.cat([Stream("swd", "patches", number, key).integers(rows * columns, patches) for key in keys])
        drawn = drawn.to(level.device)
        windows = level.unfold(2, PATCH, 1).unfold(3, PATCH, 1)
        which = torch.arange(len(images), device=level.device).repeat_interleave(patches)
        levels.append(windows[which, :, drawn // columns, drawn % columns])
    return levels


def normalized_descriptors(patches: Tensor) -> Tensor:
    """Return patches ``(N, C, 7, 7)`` with mean 0 and deviation 1 in each channel of the set, as ``(N, C * 49)``."""
    deviation, mean = torch.std_mean(patches, (0, 2, 3), correction=0, keepdim=True)
    return ((patches - mean) / deviation.clamp_min(1e-8)).flatten(1)


def _chosen(features: Tensor, count: int, seed: int) -> Tensor:
    """Return ``count`` of the rows, drawn at random."""
    return features[Stream(seed, "mind", "rows").permutation(len(features))[:count].to(features.device)]


def _distance(first: Tensor, second: Tensor, stream: Stream, directions: int, power: int) -> float:
    """Return the mean over random directions of the Wasserstein distance of projections, to that power."""
    drawn = normalize(stream.normal(directions, first.shape[1]), dim=1).to(first.device)
    means = []
    for part in torch.split(drawn.to(first.dtype), _AT_ONCE):
        one, other = ((points @ part.T).sort(0).values for points in (first, second))
        means.append((one - other).abs().pow(power).mean(0))
    return torch.cat(means).mean().item()


def _filtered(images: Tensor, gain: float) -> Tensor:
    """Return images smoothed with the binomial filter of five pixels, mirrored at the borders."""
    row = images.new_tensor(_FILTER) / 16
    kernel = (gain * row[:, None] * row).expand(images.shape[1], 1, -1, -1)
    return conv2d(pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=images.shape[1])
