"""Image files are decoded once; the cache is written completely or not at all."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from drawn import pixels, png, write_folder

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.image_files import ImageFolder
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
    return write_folder(tmp_path / "images", FILES)


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


def test_a_disk_without_space_is_noticed_before(root, cache, monkeypatch):
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
