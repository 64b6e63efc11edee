"""Folders and archives of image files become tensors; unreadable files are left out or refused."""

import os

import pytest
import torch
from drawn import pixels, png, write_archive, write_folder

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.image_files import ImageArchive, ImageFolder

FILES = {f"{name}/{number}.png": png(10 * label + number) for label, name in enumerate("xyz") for number in range(4)}
EXPECTED = torch.stack([torch.from_numpy(pixels(10 * label + number)) for label in range(3) for number in range(4)])


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def cached(cache):
    return sorted(path.suffix for path in cache.iterdir() if path.suffix != ".lock")


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path / "images", FILES)


def test_folder_and_archive_become_the_same_tensors(root, tmp_path):
    sets = [ImageFolder(str(root)), ImageArchive(str(write_archive(tmp_path / "images.zip", FILES)))]
    for data in sets:
        assert (data.facts.image_size, data.facts.channels, data.facts.num_classes) == (8, 3, 3)
        assert data.facts.num_images is None
        data.prepare_data()
        data.setup()
        assert torch.equal(data.images, EXPECTED.permute(0, 3, 1, 2))
        assert data.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
        assert data.class_names == ["x", "y", "z"]
        assert data.facts.num_images == 12
        assert data.about_files()["in files"] == ["8x8 12"]
    assert sets[0].fingerprint == sets[1].fingerprint


BAD = {
    "y/zero.png": b"",
    "y/text.png": b"this is not an image",
    "y/cut.png": png(5, 32)[:-200],
    "y/cut_header.jpg": b"\xff\xd8\xff\xe0",
}


def test_unreadable_files_are_left_out_with_a_warning(root, capsys):
    write_folder(root, BAD)
    data = ImageFolder(str(root), image_size=8)
    data.setup()
    assert torch.equal(data.images, EXPECTED.permute(0, 3, 1, 2))
    assert data.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert set(data.skipped) == set(BAD)
    assert data.skipped["y/text.png"] == data.skipped["y/zero.png"] == "not an image"
    assert data.provenance()["skipped"] == 4
    expected = "Warning: 4 of 16 images cannot be read and are left out: y/cut.png ("
    assert expected in capsys.readouterr().err
    ImageFolder(str(root), image_size=8).setup()
    assert expected in capsys.readouterr().err  # every time


def test_too_many_unreadable_files_are_refused(root, cache):
    write_folder(root, BAD)
    with pytest.raises(ConfigError, match=r"^dataset: more than max_bad=3 of 16 images cannot be read: y/cut.png \("):
        ImageFolder(str(root), image_size=8, max_bad=3).setup()
    assert cached(cache) == []
    ImageFolder(str(root), image_size=8, max_bad=4).setup()
    with pytest.raises(ConfigError, match="more than max_bad=3 of 16"):  # the limit is not part of the cache
        ImageFolder(str(root), image_size=8, max_bad=3).setup()


def test_a_class_of_unreadable_files_is_refused(root):
    write_folder(root, {"bad/zero.png": b""})
    with pytest.raises(ConfigError, match=r"^dataset.root: no image of class bad can be read$"):
        ImageFolder(str(root), image_size=8).setup()


def test_only_unreadable_files_are_refused(tmp_path):
    root = write_folder(tmp_path / "bad", {"a.png": b"", "b.png": b""})
    with pytest.raises(ConfigError, match=r"none of 2 images can be read: a\.png"):
        ImageFolder(str(root), image_size=8).setup()


def test_a_decompression_bomb_counts_as_unreadable(root, monkeypatch):
    write_folder(root, {"x/bomb.png": png(0, 64)})
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
    data = ImageFolder(str(root), image_size=8)
    data.setup()
    assert list(data.skipped) == ["x/bomb.png"]


def test_a_broken_link_counts_as_unreadable(root):
    (root / "x" / "gone.png").symlink_to(root / "gone")
    data = ImageFolder(str(root), image_size=8)
    data.setup()
    assert list(data.skipped) == ["x/gone.png"]


def test_a_large_first_image_needs_a_size(tmp_path):
    root = write_folder(tmp_path / "photos", {"a.png": png(0, 300)})
    with pytest.raises(
        ConfigError, match=r"^dataset.image_size: no value given, and a.png has 300x300 pixels: give one, such"
    ):
        _ = ImageFolder(str(root)).facts
    assert ImageFolder(str(root), image_size=64).facts.image_size == 64


def test_names_of_any_letters(tmp_path):
    root = write_folder(tmp_path / "été 1", {"猫 1.png": png(0), "ü'\"\n.png": png(1)})
    os.rename(root / "猫 1.png", os.fsencode(root) + b"/\xff.png")
    data = ImageFolder(str(root))
    data.setup()
    assert len(data.images) == 2
    assert data.facts.name == "_t_1"


def test_per_class_needs_labels(tmp_path):
    data = ImageFolder(str(write_folder(tmp_path / "flat", {"a.png": png(0)})), per_class=1)
    with pytest.raises(ConfigError, match=r"^dataset.per_class: the images have no labels$"):
        _ = data.training
