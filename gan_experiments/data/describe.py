"""What a careful person looks at before training."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

import torch
from torch import Tensor

from gan_experiments.core.images import is_points
from gan_experiments.core.randomness import Stream
from gan_experiments.core.text import first_few
from gan_experiments.data.base import ImageData

_PART = 4096  # images looked at together
_TOLD = 20  # classes, or files, that are named
_COUNTED = ("unreadable", "ignored")  # files whose number is told, too
_COLUMNS = 32  # of a sheet, at most


def describe(data: ImageData) -> list[str]:
    """Describe a dataset that is set up, a line for each thing."""
    facts = data.facts
    kind = (
        "points in the plane" if is_points(data.images) else f"images of {facts.image_size}x{facts.image_size} pixels"
    )
    lines = [f"{facts.name}: {data.num_images:,} {kind}, {facts.channels} channel{'s' * (facts.channels > 1)}"]
    if data.num_training < data.num_images:
        lines.append(f"  trained on   {data.num_training:,} of them")
    lines += _classes(data)
    if len(data.images) < data.num_images:
        lines.append(f"  looked at    {len(data.images):,} of them, those that generated images are compared with:")
    for channel, (mean, std) in enumerate(spread(data.images)):
        lines.append(f"  channel {channel}    mean {mean:.4g}, standard deviation {std:.4g}")
    copies, originals = duplicates(data.images)
    told = f"{copies:,} images are exact copies of {originals:,} others" if copies else "none"
    lines.append(f"  duplicates   {told}")
    for title, names in data.about_files().items():
        count = f"{len(names):,}: " if title in _COUNTED and names else ""
        lines.append(f"  {title:<12} {count}{first_few(names, _TOLD) or 'none'}")
    return [*lines, f"  fingerprint  {data.fingerprint}"]


def spread(images: Tensor) -> list[tuple[float, float]]:
    """Return mean and standard deviation of each channel, in the images' own units."""
    count = images[:, 0].numel()
    total, squares = torch.zeros(2, images.shape[1], dtype=torch.float64)
    for part in torch.split(images, _PART):
        values = part.double()
        total += values.sum((0, 2, 3))
        squares += values.square().sum((0, 2, 3))
    means = total / count
    deviations = (squares / count - means.square()).clamp_min(0).sqrt()
    return list(zip(means.tolist(), deviations.tolist(), strict=True))


def duplicates(images: Tensor) -> tuple[int, int]:
    """Return how many images are exact copies of an earlier one, and of how many different ones."""
    counts = Counter(_hashes(images))
    repeated = [count for count in counts.values() if count > 1]
    return sum(repeated) - len(repeated), len(repeated)


def sheet(data: ImageData, count: int, seed: int) -> tuple[Tensor, int]:
    """Choose images to look at, from those trained on: a row with one of each class after another.

    Returns:
        At most ``count`` images ``(B, C, H, W)``, and how many belong in a row.
    """
    examples = data.examples
    shuffled = examples[Stream(seed, "sheet").permutation(len(examples))]
    columns = min(_COLUMNS, max(1, round(count**0.5)))
    if data.labels is not None:
        labels = data.labels[shuffled]
        by_class = [shuffled[labels == label] for label in torch.unique(labels)]
        rounds = max(len(places) for places in by_class)
        shuffled = torch.stack(
            [places[turn] for turn in range(min(rounds, count)) for places in by_class if turn < len(places)]
        )
        columns = len(by_class) if len(by_class) <= _COLUMNS else columns
    return data.images[shuffled[:count]], columns


def _classes(data: ImageData) -> list[str]:
    counts = data.class_sizes
    if counts is None:
        return ["  classes      none: the images carry no labels"]
    line = f"  classes      {len(counts)}, of {int(counts.min()):,} to {int(counts.max()):,} images"
    named = [f"{name} {count:,}" for name, count in zip(data.class_names, counts.tolist(), strict=True)]
    return [line, f"               {first_few(named, _TOLD)}"]


def _hashes(images: Tensor) -> Iterator[bytes]:
    for image in images.numpy():
        yield hashlib.blake2b(image.tobytes(), digest_size=16).digest()
