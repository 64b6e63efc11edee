import numpy as np
import pytest
import torch
from PIL import Image

from gan_experiments.api.run import load_run
from gan_experiments.api.translate import input_files, read_inputs
from gan_experiments.core.images import to_float, to_uint8
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.train import train


@pytest.fixture
def translated(tiny, tmp_path):
    def make(*overrides):
        config, folder = (
            tiny("metrics=none", "budget.images=16", "ema.rampup=null", *overrides),
            RunFolder(tmp_path / "run"),
        )
        folder.write_config(config)
        train(config, folder)
        return load_run(folder.path)

    return make


def images(count, channels, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, size, size), generator=generator).to(torch.uint8)


def test_a_run_translates_images(translated):
    run = translated("model=cyclegan")
    given = images(3, 3, 8)
    system, _ = run.restore()
    for direction in ("a_to_b", "b_to_a"):
        expected = to_uint8(system.translate(to_float(given), direction))
        found = run.translate(given.numpy(), direction)
        assert (found.int() - expected.int()).abs().max() <= 1  # of one image at a time
    assert not torch.equal(run.translate(given), run.translate(given, "b_to_a"))
    assert not torch.equal(run.translate(given), run.translate(given, raw=True))
    assert run.translate(images(1, 3, 20)).shape == (1, 3, 20, 20)


def test_small_images_are_enlarged_for_super_resolution(translated):
    run = translated("model=pix2pix", "task=super_resolution")
    small = images(2, 1, 2)
    enlarged = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    expected = to_uint8(run.restore()[0].translate(to_float(enlarged)))
    assert (run.translate(small).int() - expected.int()).abs().max() <= 1


def test_what_cannot_be_translated_is_refused(translated):
    run = translated("model=pix2pix")
    with pytest.raises(ConfigError, match="direction: Pix2Pix translates a_to_b, not b_to_a"):
        run.translate(images(1, 1, 8), "b_to_a")
    with pytest.raises(ConfigError, match=r"images: uint8 \(N, 1, H, W\) expected, not torch.uint8 \(1, 3, 8, 8\)"):
        run.translate(images(1, 3, 8))
    with pytest.raises(ConfigError, match=r"expected, not torch.uint8 \(0, 1, 8, 8\)"):
        run.translate(images(0, 1, 8))
    with pytest.raises(ConfigError, match="gan-translate"):
        run.sample(3)


def test_a_generator_has_nothing_to_translate(translated):
    with pytest.raises(ConfigError, match="GAN generates images from noise; gan-sample draws them"):
        translated().translate(images(1, 1, 8))


def write(path, size=(5, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), 7, np.uint8)).convert(mode).save(path)


def test_each_file_of_a_folder_is_written_to_a_png(tmp_path):
    write(tmp_path / "in" / "a.jpg")
    write(tmp_path / "in" / "b.png", mode="L")
    pairs = input_files(tmp_path / "in", tmp_path / "out")
    assert [target.name for _, target in pairs] == ["a.png", "b.png"]
    assert [tuple(image.shape) for image, _ in read_inputs(pairs, 3)] == [(1, 3, 4, 5)] * 2
    assert [tuple(image.shape) for image, _ in read_inputs(pairs, 1)] == [(1, 1, 4, 5)] * 2
    assert input_files(tmp_path / "in" / "a.jpg", tmp_path) == [(tmp_path / "in" / "a.jpg", tmp_path / "a.png")]


def test_wrong_files_are_refused_before_the_first_is_written(tmp_path):
    with pytest.raises(ConfigError, match="input: there is no file or folder"):
        input_files(tmp_path / "absent", tmp_path)
    for index in range(12):
        write(tmp_path / "in" / f"{index:02}.png")
        write(tmp_path / "out" / f"{index:02}.png")
    with pytest.raises(ConfigError, match=r"12 of 12 files exist and are not overwritten: .*09\.png"):
        input_files(tmp_path / "in", tmp_path / "out")
    write(tmp_path / "in" / "00.jpg")
    with pytest.raises(ConfigError, match=r"several files would be written to 00.png"):
        input_files(tmp_path / "in", tmp_path / "new")
    (tmp_path / "in" / "00.jpg").unlink()
    (tmp_path / "in" / "03.png").write_bytes(b"none")
    pairs = input_files(tmp_path / "in", tmp_path / "new")
    with pytest.raises(ConfigError, match=r"1 of 12 files cannot be read: 03.png \(not an image\)"):
        next(read_inputs(pairs, 3))


def test_files_with_other_channels_are_refused_before_the_first_is_translated(tmp_path):
    (tmp_path / "in").mkdir()
    for name, channels in (("a", 2), ("b", 5)):
        np.save(tmp_path / "in" / f"{name}.npy", np.zeros((channels, 8, 8), np.uint8))
    pairs = input_files(tmp_path / "in", tmp_path / "out")
    with pytest.raises(ConfigError, match=r"1 of 2 files cannot be read: b.npy \(an array of 5 channels, not 2\)"):
        next(read_inputs(pairs, 2))


def test_a_picture_that_is_too_large_for_memory_is_refused_before_the_first_is_translated(tmp_path, monkeypatch):
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "b.png", size=(50, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    with pytest.raises(ConfigError, match=r"1 of 2 files cannot be read: b.png \(50x40 pixels are more than the 1,500"):
        next(read_inputs(input_files(tmp_path / "in", tmp_path / "out"), 3))
