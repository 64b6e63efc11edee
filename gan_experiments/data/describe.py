"""Dataset summary and contact sheet."""

from __future__ import annotations

import hashlib
from collections import Counter

import torch
from torch import Tensor

from gan_experiments.core.grid_labels import class_labels, columns_per_class
from gan_experiments.core.images import is_points
from gan_experiments.core.randomness import Stream
from gan_experiments.core.text import first_few
from gan_experiments.data.base import ImageData

_CHUNK = 2**22  # values converted to float64 at a time: 32 MB, and their squares
_MAX_LISTED = 20  # classes or files listed by name
_COUNTED = ("unreadable", "ignored")  # lists that are printed with their length
_MAX_COLUMNS = 32  # of a contact sheet


def describe(data: ImageData) -> list[str]:
    """Summarize a dataset that is set up, as lines of text."""
    facts = data.facts
    kind = f"images of {facts.width}x{facts.height} pixels{' of 16 bits' * (facts.bits == 16)}"
    if is_points(data.images):
        kind = "points in the plane" if facts.channels > 1 else "points on a line"
    lines = [f"{facts.name}: {data.num_images:,} {kind}, {facts.channels} channel{'s' * (facts.channels > 1)}"]
    if data.num_training < data.num_images:
        lines.append(f"  trained on   {data.num_training:,} of them")
    lines += _classes(data)
    if len(data.images) < data.num_images:
        lines.append(f"  looked at    {len(data.images):,} of them, those that generated images are compared with:")
    for channel, (mean, std) in enumerate(channel_statistics(data.images)):
        lines.append(f"  channel {channel}    mean {mean:.4g}, standard deviation {std:.4g}")
    copies, originals = duplicates(data.images)
    copied = f"{copies:,} images are exact copies of {originals:,} others" if copies else "none"
    lines.append(f"  duplicates   {copied}")
    for title, names in data.about_files().items():
        count = f"{len(names):,}: " if title in _COUNTED and names else ""
        lines.append(f"  {title:<12} {count}{first_few(names, _MAX_LISTED) or 'none'}")
    return [*lines, f"  fingerprint  {data.fingerprint}"]


def channel_statistics(images: Tensor) -> list[tuple[float, float]]:
    """Return mean and standard deviation of each channel, in the units of the images."""
    count = images[:, 0].numel()
    total, squares = torch.zeros(2, images.shape[1], dtype=torch.float64)
    for part in torch.split(images, max(1, _CHUNK // images[0].numel())):
        values = part.double()
        total += values.sum((0, 2, 3))
        squares += values.square().sum((0, 2, 3))
    means = total / count
    deviations = (squares / count - means.square()).clamp_min(0).sqrt()
    return list(zip(means.tolist(), deviations.tolist(), strict=True))


def duplicates(images: Tensor) -> tuple[int, int]:
    """Return the number of images that are exact copies of an earlier one, and the number of those originals."""
    counts = Counter(hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images.numpy())
    repeated = [count for count in counts.values() if count > 1]
    return sum(repeated) - len(repeated), len(repeated)


def sheet(data: ImageData, count: int, seed: int) -> tuple[Tensor, int, list[str]]:
    """Choose training images for a contact sheet, with columns for each class if the data has few.

    Returns:
        At most ``count`` images ``(B, C, H, W)``, black where a class has no more of them; the number of columns; and
        the names of the classes of which each has equally many of these, or none.
    """
    examples = data.examples
    shuffled = examples[Stream(seed, "sheet").permutation(len(examples))]
    columns = min(_MAX_COLUMNS, max(1, round(count**0.5)))
    if data.labels is None or is_points(data.images):
        return data.images[shuffled[:count]], columns, []
    labels = data.labels[shuffled]
    classes = torch.unique(labels)
    by_class = [shuffled[labels == label] for label in classes]
    if each := columns_per_class(count, len(by_class)):
        rows = min(count // (each * len(by_class)), -(-max(map(len, by_class)) // each))
        blocks = [torch.stack(torch.split(_filled(data.images, indices, rows * each), each)) for indices in by_class]
        return (
            torch.stack(blocks, 1).flatten(0, 2),
            each * len(by_class),
            class_labels(classes.tolist(), data.class_names),
        )
    rows = min(count, max(map(len, by_class)))
    turns = torch.stack([indices[row] for row in range(rows) for indices in by_class if row < len(indices)])
    return data.images[turns[:count]], columns, []


def _filled(images: Tensor, indices: Tensor, count: int) -> Tensor:
    """Return ``count`` images at ``indices``, black ones at the end if these are less."""
    chosen = images[indices[:count]]
    black = torch.zeros(count - len(chosen), *images.shape[1:], dtype=images.dtype)
    return torch.cat([chosen, black])


def _classes(data: ImageData) -> list[str]:
    counts = data.class_sizes
    if counts is None:
        return ["  classes      none: the images have no labels"]
    sizes = dict.fromkeys((f"{int(counts.min()):,}", f"{int(counts.max()):,}"))  # one, where they are equal
    line = f"  classes      {len(counts)}, of {' to '.join(sizes)} images{' each' * (len(sizes) == 1)}"
    named = [f"{name} {count:,}" for name, count in zip(data.class_names, counts.tolist(), strict=True)]
    return [line, f"               {first_few(named, _MAX_LISTED)}"]
