"""Folders and archives of pictures, from their files to tensors, with what can be wrong with them."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from drawn import pixels, png, write_archive, write_folder

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.image_files import ImageArchive, ImageFolder
from gan_experiments.data.files import pixel_cache

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
    return write_folder(tmp_path / "pictures", FILES)


def test_folder_and_archive_become_the_same_tensors(root, tmp_path):
    sets = [ImageFolder(str(root)), ImageArchive(str(write_archive(tmp_path / "pictures.zip", FILES)))]
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


def test_the_second_time_nothing_is_decoded(root, monkeypatch, cache):
    ImageFolder(str(root)).setup()
    monkeypatch.setattr("gan_experiments.data.files.framing.Framing.__call__", None)
    again = ImageFolder(str(root))
    again.setup()
    assert torch.equal(again.images, EXPECTED.permute(0, 3, 1, 2))
    assert cached(cache) == [".json", ".u8"]


@pytest.mark.parametrize("change", ["file", "image_size", "resize", "channels"])
def test_every_change_makes_another_cache(root, cache, change):
    ImageFolder(str(root), image_size=8).setup()
    changes = {"image_size": 4, "resize": "box", "channels": 1}
    options = {"image_size": 8} | {key: value for key, value in changes.items() if key == change}
    if change == "file":
        (root / "x" / "0.png").write_bytes(png(99, size=9))
    ImageFolder(str(root), **options).setup()
    assert cached(cache) == [".json", ".json", ".u8", ".u8"]


@pytest.mark.parametrize("damage", ["cut", "longer", "no description", "half a description"])
def test_a_damaged_cache_is_made_again(root, cache, damage):
    ImageFolder(str(root)).setup()
    (file,), (about,) = cache.glob("*.u8"), cache.glob("*.json")
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "longer":
        file.write_bytes(b"x" + file.read_bytes())
    elif damage == "no description":
        about.unlink()
    else:
        about.write_text(about.read_text()[:20])
    data = ImageFolder(str(root))
    data.setup()
    assert torch.equal(data.images, EXPECTED.permute(0, 3, 1, 2))


BAD = {
    "y/zero.png": b"",
    "y/text.png": b"this is no image",
    "y/cut.png": png(5, 32)[:-200],
    "y/cut_header.jpg": b"\xff\xd8\xff\xe0",
}


def test_bad_images_are_left_out_in_plain_sight(root, capsys):
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


def test_too_many_bad_images_are_refused(root, cache):
    write_folder(root, BAD)
    with pytest.raises(ConfigError, match=r"^dataset: more than max_bad=3 of 16 images cannot be read: y/cut.png \("):
        ImageFolder(str(root), image_size=8, max_bad=3).setup()
    assert cached(cache) == []
    ImageFolder(str(root), image_size=8, max_bad=4).setup()
    with pytest.raises(ConfigError, match="more than max_bad=3 of 16"):  # the limit is none of the cache's
        ImageFolder(str(root), image_size=8, max_bad=3).setup()


def test_a_class_of_bad_images_is_refused(root):
    write_folder(root, {"bad/zero.png": b""})
    with pytest.raises(ConfigError, match=r"^dataset.root: no image of class bad can be read$"):
        ImageFolder(str(root), image_size=8).setup()


def test_nothing_but_bad_images(tmp_path):
    root = write_folder(tmp_path / "bad", {"a.png": b"", "b.png": b""})
    with pytest.raises(ConfigError, match=r"none of 2 images can be read: a\.png"):
        ImageFolder(str(root), image_size=8).setup()


def test_a_decompression_bomb_is_a_bad_image(root, monkeypatch):
    write_folder(root, {"x/bomb.png": png(0, 64)})
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
    data = ImageFolder(str(root), image_size=8)
    data.setup()
    assert list(data.skipped) == ["x/bomb.png"]


def test_a_link_to_nowhere_is_a_bad_image(root):
    (root / "x" / "gone.png").symlink_to(root / "gone")
    data = ImageFolder(str(root), image_size=8)
    data.setup()
    assert list(data.skipped) == ["x/gone.png"]


def test_a_disk_that_fills_leaves_no_half_cache(root, cache, monkeypatch):
    real = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            if self.file.tell() > 500:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(content)

    def open_(path, mode="r", *arguments, **options):
        file = real(path, mode, *arguments, **options)
        return Full(file) if mode == "wb" else file

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(ConfigError, match=r"^dataset: .*u8 cannot be written \(No space left on device\); \$GAN_EXP"):
        ImageFolder(str(root)).setup()
    assert cached(cache) == []


def test_a_disk_without_space_is_told_before(root, cache, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
    with pytest.raises(ConfigError, match=r"its cache in .* needs 0.0 GiB, 0.0 GiB are free"):
        ImageFolder(str(root)).setup()
    assert cached(cache) == []


def test_a_process_that_is_killed_leaves_nothing_behind(root, cache, monkeypatch):
    made = pixel_cache._frames

    def frames(*arguments):
        for number, frame in enumerate(made(*arguments)):
            if number == 7:
                os.kill(os.getpid(), signal.SIGKILL)
            yield frame

    with monkeypatch.context() as patch:
        patch.setattr(pixel_cache, "_frames", frames)
        process = multiprocessing.get_context("fork").Process(target=ImageFolder(str(root)).setup)
        process.start()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [path.suffix for path in cache.iterdir()].count(".tmp") == 1
    data = ImageFolder(str(root))
    data.setup()
    assert len(data.images) == 12
    assert cached(cache) == [".json", ".u8"]


def test_of_two_processes_one_decodes(root, capfd):
    both = [multiprocessing.get_context("fork").Process(target=ImageFolder(str(root)).setup) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert capfd.readouterr().err.count("decoded 12 images") == 1


def test_a_large_first_picture_asks_for_a_size(tmp_path):
    root = write_folder(tmp_path / "photos", {"a.png": png(0, 300)})
    with pytest.raises(ConfigError, match=r"^dataset.image_size: say it, since a.png has 300x300 pixels$"):
        _ = ImageFolder(str(root)).facts
    assert ImageFolder(str(root), image_size=64).facts.image_size == 64


def test_names_of_any_letters(tmp_path):
    root = write_folder(tmp_path / "été 1", {"猫 1.png": png(0), "ü'\"\n.png": png(1)})
    os.rename(root / "猫 1.png", os.fsencode(root) + b"/\xff.png")
    data = ImageFolder(str(root))
    data.setup()
    assert len(data.images) == 2
    assert data.facts.name == "_t_1"


def test_labels_asked_of_flat_pictures(tmp_path):
    data = ImageFolder(str(write_folder(tmp_path / "flat", {"a.png": png(0)})), per_class=1)
    with pytest.raises(ConfigError, match=r"^dataset.per_class: the images carry no labels$"):
        _ = data.training
