"""From a dataset to shards, and back."""

import errno
import os

import pytest
import torch
from drawn import png, write_folder, write_shards

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.datasets.image_files import ImageFolder
from gan_experiments.data.shards import writer as shard_writer
from gan_experiments.data.shards.dataset import Shards
from gan_experiments.data.shards.writer import write_shards as write
from gan_experiments.data.synthetic.points import Ring


@pytest.fixture
def images(tmp_path):
    files = {
        f"{name}/{number}.png": png(10 * label + number) for label, name in enumerate("xyz") for number in range(4)
    }
    return ImageFolder(str(write_folder(tmp_path / "images", files)))


def contents(data):
    labels = [-1] * len(data.images) if data.labels is None else data.labels.tolist()
    return sorted((image.flatten().tolist(), label) for image, label in zip(data.images, labels, strict=True))


def test_the_shards_hold_the_same_images_labels_and_names(images, tmp_path):
    urls = write(images, tmp_path / "shards", shard_images=5, seed=0)
    assert urls == f"{tmp_path}/shards/{{0000..0002}}.tar"
    read = Shards(urls)
    assert read.index.counts.tolist() == [5, 5, 2]
    assert contents(read) == contents(images)
    assert read.class_names == images.class_names
    assert read.labels.tolist() != sorted(read.labels.tolist())  # shuffled


def test_grey_images_and_a_single_shard(tmp_path):
    data = Digits(limit=30, seed=1)
    urls = write(data, tmp_path / "deep" / "shards", shard_images=100, seed=0)
    assert urls == f"{tmp_path}/deep/shards/0000.tar"
    read = Shards(urls, channels=1, reference_images=30)
    expected = sorted(image.flatten().tolist() for image in data.images[data.training])
    assert sorted(image.flatten().tolist() for image in read.images) == expected


def test_the_same_command_writes_the_same_bytes(images, tmp_path):
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        write(images, folder, shard_images=5, seed=0)
    first, second = ([(path.name, path.read_bytes()) for path in sorted(folder.iterdir())] for folder in folders)
    assert first == second


def test_nothing_is_overwritten(images, tmp_path):
    (tmp_path / "shards").mkdir()
    with pytest.raises(ConfigError, match=r"^output: .*shards exists and is not overwritten$"):
        write(images, tmp_path / "shards", shard_images=5, seed=0)


def test_points_and_shards_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="ring consists of points"):
        write(Ring(num_points=70), tmp_path / "ring", shard_images=5, seed=0)
    with pytest.raises(ConfigError, match="train consists of shards already"):
        write(Shards(write_shards(tmp_path)), tmp_path / "again", shard_images=5, seed=0)


def test_a_disk_that_fills_leaves_nothing(images, tmp_path, monkeypatch):
    def full(data, chosen, file):
        if file.name == "0001.tar":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        made(data, chosen, file)

    made = shard_writer._write
    monkeypatch.setattr(shard_writer, "_write", full)
    with pytest.raises(ConfigError, match=r"^output: .*shards cannot be written \(No space left on device\)$"):
        write(images, tmp_path / "out" / "shards", shard_images=5, seed=0)
    assert list((tmp_path / "out").iterdir()) == []


def test_labels_follow_their_images_into_a_part(tmp_path):
    data = Digits(per_class=2, seed=1)
    read = Shards(write(data, tmp_path / "shards", shard_images=7, seed=0), channels=1)
    numbers = {image.numpy().tobytes(): int(label) for image, label in zip(data.images, data.labels, strict=True)}
    assert [numbers[image.numpy().tobytes()] for image in read.images] == read.labels.tolist()
    assert torch.equal(read.labels.bincount(), torch.full((10,), 2))
