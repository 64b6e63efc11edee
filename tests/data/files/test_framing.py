import numpy as np
import pytest
from PIL import Image

from gan_experiments.data.files.framing import Framing

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)


def frame(image, size=8, channels=3, resize="lanczos"):
    return Framing(size, channels, resize)(image)


def test_an_image_of_the_right_size_keeps_its_pixels():
    assert np.array_equal(frame(Image.fromarray(COLOURS)), COLOURS.transpose(2, 0, 1))
    grey = COLOURS[:, :, 0]
    assert np.array_equal(frame(Image.fromarray(grey), channels=1), grey[None])
    assert np.array_equal(frame(Image.fromarray(grey)), np.stack([grey] * 3))


@pytest.mark.parametrize("turns", [0, 1])
def test_the_central_square_is_taken(turns):
    wide = np.zeros((8, 16, 3), dtype=np.uint8)
    wide[:, 4:12] = COLOURS
    expected = np.rot90(COLOURS, turns).transpose(2, 0, 1)
    assert np.array_equal(frame(Image.fromarray(np.rot90(wide, turns).copy())), expected)


@pytest.mark.parametrize("resize", ["lanczos", "bicubic", "bilinear", "box"])
def test_every_filter_is_antialiased(resize):
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = frame(Image.fromarray(stripes), size=8, channels=1, resize=resize)
    assert abs(small[0, 2:-2, 2:-2].astype(float) - 127.5).max() <= 4  # the mean, where sampling would give 0 or 255


def test_box_is_the_mean_of_blocks():
    small = frame(Image.fromarray(COLOURS), size=4, resize="box")
    means = COLOURS.reshape(4, 2, 4, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    assert abs(small - means).max() <= 1  # rows and columns are rounded one after the other


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_sixteen_bits_keep_their_range(dtype):
    levels = np.array([[0, 257], [128 * 257, 65535]], dtype=dtype)
    assert frame(Image.fromarray(levels), size=2, channels=1)[0].tolist() == [[0, 1], [128, 255]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_pixels_become_white(mode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    seen = frame(image.convert(mode).resize((2, 2), Image.Resampling.NEAREST), size=2)
    assert seen[:, 0].tolist() == [[0, 255]] * 3


def test_other_modes_are_converted():
    for mode in ("1", "P", "CMYK", "YCbCr"):
        image = Image.new("RGB", (4, 4), "white").convert(mode)
        assert frame(image, size=4).min() >= 250


def test_an_image_is_turned_by_its_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
    Image.fromarray(COLOURS).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        assert np.array_equal(frame(image), np.rot90(COLOURS, -1).transpose(2, 0, 1))


def test_decompression_bombs_are_refused_before_they_are_unpacked(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 63)
    with pytest.raises(ValueError, match="8x8 pixels are more than the 63 that are safe"):
        frame(Image.fromarray(COLOURS))


def test_floating_point_has_no_range():
    with pytest.raises(ValueError, match="no known range"):
        frame(Image.fromarray(np.zeros((4, 4), dtype=np.float32)))


def test_the_recipe_contains_the_filter():
    assert Framing(8, 3, "box").recipe() != Framing(8, 3, "lanczos").recipe()
