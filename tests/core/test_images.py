import numpy as np
import pytest
import torch
from PIL import Image

from gan_experiments.core.images import (
    as_measured,
    image_grid,
    picture_suffix,
    save_png,
    to_eight_bits,
    to_float,
    to_uint8,
)

LEVELS = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)


def test_every_level_survives_the_way_there_and_back():
    assert torch.equal(to_uint8(to_float(LEVELS)), LEVELS)


def test_floats_span_minus_one_to_one():
    floats = to_float(LEVELS)
    assert floats.dtype == torch.float32
    assert floats.min() == -1
    assert floats.max() == 1


def test_conversions_leave_their_input_alone():
    floats, levels = to_float(LEVELS), LEVELS.clone()
    before = floats.clone()
    to_uint8(floats)
    to_float(levels)
    assert torch.equal(floats, before)
    assert torch.equal(levels, LEVELS)


def test_floats_are_rounded_and_clamped():
    assert to_uint8(torch.tensor([-7.0, 7.0, 0.6 / 127.5 - 1, 0.4 / 127.5 - 1])).tolist() == [0, 255, 1, 0]


def test_half_precision_is_converted_in_single():
    assert torch.equal(to_uint8(to_float(LEVELS).double()), LEVELS)
    assert to_uint8(torch.ones(1, dtype=torch.bfloat16)).item() == 255


def test_memory_format_stays():
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8).to(memory_format=torch.channels_last)
    assert to_float(images).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("size", "enlarged"), [(8, 32), (28, 56), (32, 32), (64, 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_grid_enlarges_small_images_by_a_whole_factor(size, enlarged, channels):
    grid = image_grid(torch.zeros(5, channels, size, size, dtype=torch.uint8), columns=3)
    assert grid.shape == (3, 2 * (enlarged + 2) + 2, 3 * (enlarged + 2) + 2)
    assert grid.dtype == torch.uint8


def test_grid_keeps_pixels():
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    grid = image_grid(images, columns=2)
    assert torch.equal(grid[:, 2:34:4, 36:68:4], images[1])
    assert torch.equal(image_grid(to_float(images), columns=2), grid)


def test_png_holds_the_pixels_and_leaves_nothing_beside_it(tmp_path):
    grid = image_grid(torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8), columns=2)
    path = tmp_path / "samples" / "grid.png"
    save_png(grid, path)
    save_png(grid, path)
    with Image.open(path) as picture:
        assert picture.mode == "RGB"
        assert picture.tobytes() == grid.permute(1, 2, 0).numpy().tobytes()
    assert list(path.parent.iterdir()) == [path]


def test_png_can_be_grey(tmp_path):
    save_png(LEVELS[0], tmp_path / "grey.png")
    with Image.open(tmp_path / "grey.png") as picture:
        assert picture.mode == "L"
        assert picture.tobytes() == LEVELS.numpy().tobytes()


def test_points_stay_as_they_are():
    points = torch.rand(5, 2, 1, 1) * 2 - 1
    assert torch.equal(to_float(points), points)
    assert torch.equal(as_measured(points), points)
    assert as_measured(to_float(LEVELS)).dtype == torch.uint8


def test_points_are_drawn_where_they_lie():
    grid = image_grid(torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.5]]).view(3, 2, 1, 1))
    assert grid.shape == (3, 256, 256)
    dark = grid[0] == 0
    assert dark.sum() == 3 * 9
    assert dark[253:, :3].all()  # left below
    assert dark[:3, 253:].all()  # right above
    assert dark[64, 128]


def test_points_on_a_line_become_dots_in_the_middle():
    grid = image_grid(torch.tensor([-0.5, 0.5]).view(2, 1, 1, 1))
    assert torch.equal(grid, image_grid(torch.tensor([[-0.5, 0.0], [0.5, 0.0]]).view(2, 2, 1, 1)))


def test_points_keep_their_precision():
    assert to_float(torch.ones(1, 1, 1, 1).double()).dtype == torch.float64


DEEP = torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(1, 1, 256, 256)


def test_all_levels_of_sixteen_bits_come_back(tmp_path):
    floats = to_float(DEEP)
    assert (floats.min(), floats.max()) == (-1, 1)
    assert torch.equal(as_measured(floats, bits=16), DEEP)
    assert as_measured(floats).max() == 255
    save_png(DEEP[0], tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as image:
        assert image.mode == "I;16"
        assert np.array_equal(np.asarray(image), DEEP[0, 0].numpy())


def test_a_grid_keeps_sixteen_bits_of_grey_images_only():
    grid = image_grid(DEEP, columns=1, bits=16)
    assert (grid.dtype, grid.shape[0]) == (torch.uint16, 1)
    assert grid.float().max() == 65535
    assert image_grid(DEEP.expand(1, 3, 256, 256), columns=1, bits=16).dtype == torch.uint8
    assert image_grid(DEEP, columns=1).dtype == torch.uint8
    assert torch.equal(to_eight_bits(DEEP), as_measured(to_float(DEEP)))


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_any_number_of_channels_can_be_shown_and_written(tmp_path, channels):
    images = torch.randint(0, 256, (4, channels, 8, 10), dtype=torch.uint8)
    assert image_grid(images, columns=2).shape[0] == 3
    file = tmp_path / f"image{picture_suffix(channels, 8)}"
    save_png(images[0], file)
    read = np.load(file) if channels == 6 else np.atleast_3d(np.asarray(Image.open(file)))
    assert np.array_equal(read, images[0].permute(1, 2, 0).numpy())
