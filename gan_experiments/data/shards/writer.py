"""Writes a dataset as tar shards."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from gan_experiments.core.files import whole_folder
from gan_experiments.core.images import encode_picture, is_points, picture_suffix
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError
from gan_experiments.data.base import ImageData
from gan_experiments.data.parallel import in_order, with_progress
from gan_experiments.data.shards.dataset import CLASS_NAMES, Shards


def write_shards(data: ImageData, folder: Path, shard_images: int, seed: int) -> str:
    """Write the training images, cropped and resized, in random order, as lossless files in tar shards.

    Args:
        data: A dataset that is set up.
        folder: Folder of the shards; it appears when all of them are complete.
        shard_images: Number of images per shard; the last shard has the remainder.
        seed: Seed of the order; because of it, a reader need only shuffle a few shards at a time.

    Returns:
        The value of ``dataset.urls`` to read them.

    Raises:
        ConfigError: The folder exists or cannot be written, the data are points or shards already, or a class is empty.
    """
    if is_points(data.images) or isinstance(data, Shards):
        content = "consists of shards already" if isinstance(data, Shards) else "consists of points"
        raise ConfigError(f"dataset: {data.facts.name} {content}")
    if folder.exists():
        raise ConfigError(f"output: {folder} exists and is not overwritten")
    if data.class_sizes is not None and not data.class_sizes.all():
        empty = data.class_names[int(data.class_sizes.argmin())]
        text = f"the subset has no image of class {empty}, which shards need"
        raise ConfigError(f"dataset: {text}; a zip archive does not")
    shuffled = data.training[Stream(seed, "shards").permutation(len(data.training))]
    shards = torch.split(shuffled, shard_images)
    digits = max(4, len(str(len(shards) - 1)))
    try:
        with whole_folder(folder) as temporary:
            for number, indices in enumerate(with_progress(shards, "writing shards")):
                _write(data, indices, temporary / f"{number:0{digits}}.tar")
            if data.labels is not None:
                (temporary / CLASS_NAMES).write_text(json.dumps(data.class_names) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"output: {folder} cannot be written ({error.strerror or error})") from error
    last = f"{len(shards) - 1:0{digits}}"
    return str(folder / (f"{{{0:0{digits}}..{last}}}.tar" if len(shards) > 1 else f"{last}.tar"))


def _write(data: ImageData, indices: Tensor, file: Path) -> None:
    from webdataset import TarWriter

    labels = None if data.labels is None else data.labels[indices].tolist()
    encoded = in_order(lambda index: encode_picture(data.images[index]), indices.tolist())
    suffix = picture_suffix(data.facts.channels, data.facts.bits)[1:]
    with file.open("wb") as out, TarWriter(out, mtime=0) as shard:
        for number, (index, content) in enumerate(zip(indices.tolist(), encoded, strict=True)):
            label = {} if labels is None else {"cls": str(labels[number])}
            shard.write({"__key__": f"{index:08}", suffix: content, **label})
