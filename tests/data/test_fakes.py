"""Images from files are loaded unchanged, or refused."""

import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.fakes import load_fakes

POINTS = DataFacts("ring", 1, 2)
GREY, COLOUR = DataFacts("grey", 4, 1), DataFacts("colour", 4, 3)


def draw(seed=0, mode="L", size=(4, 4)):
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def folder(path, *drawn):
    path.mkdir()
    for index, image in enumerate(drawn):
        image.save(path / f"{index:03}.png")
    return path


@pytest.mark.parametrize(("facts", "mode"), [(GREY, "L"), (COLOUR, "RGB")])
def test_a_folder_an_archive_and_arrays_are_the_same_images(tmp_path, facts, mode):
    drawn = [draw(seed, mode) for seed in range(5)]
    fakes = folder(tmp_path / "fakes", *drawn)
    with zipfile.ZipFile(tmp_path / "fakes.zip", "w") as archive:
        for file in fakes.iterdir():
            archive.write(file, f"inside/{file.name}")
    pixels = np.stack([np.asarray(image) for image in drawn])
    np.save(tmp_path / "fakes.npy", pixels)
    (tmp_path / "moved").mkdir()
    np.savez(tmp_path / "fakes.npz", pixels, np.arange(5))  # with labels beside, as some save them
    found = [
        load_fakes(path, facts) for path in (fakes, *(tmp_path / f"fakes.{kind}" for kind in ("zip", "npy", "npz")))
    ]
    assert found[0].shape == (5, facts.channels, 4, 4)
    assert found[0].dtype == torch.uint8
    assert all(torch.equal(images, found[0]) for images in found)
    assert np.array_equal(found[0][3].permute(1, 2, 0).squeeze().numpy(), pixels[3])
    for name in ("FAKES.ZIP", "fakes"):  # whatever an archive is called
        moved = (tmp_path / "fakes.zip").rename(tmp_path / "moved" / name)
        assert torch.equal(load_fakes(moved, facts), found[0])
        moved.rename(tmp_path / "fakes.zip")


@pytest.mark.parametrize(
    ("image", "facts", "message"),
    [
        (draw(mode="RGB"), GREY, r"1 of 2 images do not fit: 001.png \(colour, those of grey are grey\)"),
        (draw(), COLOUR, r"1 of 2 images do not fit: 001.png \(grey, those of colour are colour\)"),
        (draw(mode="RGBA"), COLOUR, "with transparency"),
        (draw(size=(4, 5)), GREY, "4x5 pixels, those of grey have 4x4"),
    ],
)
def test_other_sizes_and_colours_are_refused(tmp_path, image, facts, message):
    fakes = folder(tmp_path / "fakes", draw(mode="L" if facts is GREY else "RGB"), image)
    with pytest.raises(ConfigError, match=message):
        load_fakes(fakes, facts)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 4, 4, 1), r"float32 in \[-1, 1\]; save uint8"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"the shape \(2, 4, 4, 3\), not \(N, 4, 4, 1\) like grey"),
        (np.zeros((0, 4, 4), np.uint8), "not"),
        (np.zeros((2, 4), np.uint8), r"the shape \(2, 4\), not"),
        (np.array([{}], dtype=object), "cannot be read"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, array, message):
    np.save(tmp_path / "fakes.npy", array)
    with pytest.raises(ConfigError, match=message):
        load_fakes(tmp_path / "fakes.npy", GREY)


def test_damaged_images_and_empty_folders_are_refused(tmp_path):
    fakes = folder(tmp_path / "fakes", draw())
    (fakes / "broken.png").write_bytes(b"not an image")
    with pytest.raises(ConfigError, match=r"1 of 2 images do not fit: broken.png"):
        load_fakes(fakes, GREY)
    with pytest.raises(ConfigError, match=r"there are no images in"):
        load_fakes(folder(tmp_path / "empty"), GREY)


def test_images_are_held_once(tmp_path):
    fakes = folder(tmp_path / "fakes", *(draw(seed, "RGB", (64, 64)) for seed in range(64)))
    facts = DataFacts("large", 64, 3)
    load_fakes(fakes, facts)  # what Pillow keeps
    tracemalloc.start()
    images = load_fakes(fakes, facts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * images.nbytes


@pytest.mark.parametrize("shape", [(50, 2), (50, 2, 1, 1)])
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_points_are_taken_as_they_are(tmp_path, shape, kind):
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)
    path = tmp_path / f"points.{kind}"
    np.save(path, points.reshape(shape)) if kind == "npy" else np.savez(path, points.reshape(shape), np.arange(50))
    found = load_fakes(path, POINTS)
    assert found.dtype == torch.float32
    assert np.array_equal(found.numpy(), points.reshape(50, 2, 1, 1))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 2), np.uint8), r"the shape \(5, 2\) and values of uint8, not \(N, 2\) of float32 .* like ring"),
        (np.zeros((5, 3), np.float32), r"the shape \(5, 3\) and values of float32, not \(N, 2\)"),
        (np.zeros((5, 4, 4, 3), np.uint8), r"not \(N, 2\) of float32"),
        (np.zeros((0, 2), np.float32), "not"),
        (np.array([[0, 2.5]], np.float32), r"in \[0, 2.5\]; those of ring are in \[-1, 1\]"),
        (np.array([[0, np.nan]], np.float32), "those of ring are in"),
    ],
)
def test_arrays_that_are_not_points_are_refused(tmp_path, array, message):
    np.save(tmp_path / "fakes.npy", array)
    with pytest.raises(ConfigError, match=message):
        load_fakes(tmp_path / "fakes.npy", POINTS)


def test_images_are_not_points(tmp_path):
    with pytest.raises(ConfigError, match=r"ring consists of points, not images: save an array \(N, 2\) of float32"):
        load_fakes(folder(tmp_path / "fakes", draw()), POINTS)
