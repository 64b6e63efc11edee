"""Writes a dataset as image files, in a folder or a zip archive, with ``dataset.json``."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from gan_experiments.core.files import replacing, whole_folder
from gan_experiments.core.images import encode_picture, is_points, picture_suffix
from gan_experiments.core.types import ConfigError
from gan_experiments.data.base import ImageData
from gan_experiments.data.files import dataset_json
from gan_experiments.data.parallel import with_progress

_BATCH, _FOLDER = 256, 1000  # images read together, and in one folder

Put = Callable[[str, bytes], None]


def write_images(data: ImageData, output: Path) -> None:
    """Write the training images, cropped and resized, as lossless files: what the tools of StyleGAN3 read, too.

    Args:
        data: A dataset that is set up.
        output: A folder, or a zip archive if its name ends with ``.zip``; it appears when it is complete.

    Raises:
        ConfigError: It exists or cannot be written, or the data are points.
    """
    if is_points(data.images):
        raise ConfigError(f"dataset: {data.facts.name} consists of points")
    if output.exists():
        raise ConfigError(f"output: {output} exists and is not overwritten")
    fetch, _ = data.fetch(torch.device("cpu"))
    suffix, labels = picture_suffix(data.facts.channels, data.facts.bits), []
    numbers = torch.split(torch.arange(data.num_training), _BATCH)
    try:
        with (_archive if output.suffix == ".zip" else _folder)(output) as put:
            for part in with_progress(numbers, "writing images"):
                batch = fetch(part)
                known = None if batch.labels is None else batch.labels.tolist()
                for row, number in enumerate(part.tolist()):
                    name = f"{number // _FOLDER:05}/img{number:08}{suffix}"
                    put(name, encode_picture(batch.images[row]))
                    labels += [] if known is None else [[name, known[row]]]
            about = {"labels": labels or None, "class_names": data.class_names if labels else None}
            put(dataset_json.NAME, json.dumps(about).encode())
    except OSError as error:
        raise ConfigError(f"output: {output} cannot be written ({error.strerror or error})") from error


@contextmanager
def _folder(output: Path) -> Iterator[Put]:
    """Yield a function that writes a file into a folder, which appears at the end."""
    with whole_folder(output) as temporary:

        def put(name: str, content: bytes) -> None:
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_bytes(content)

        yield put


@contextmanager
def _archive(output: Path) -> Iterator[Put]:
    """Yield a function that writes a file into a zip archive, which appears at the end."""
    with replacing(output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        yield lambda name, content: archive.writestr(name, content)
