import numpy as np
import pytest
from PIL import Image

from gan_experiments.data.files.framing import Framing
from gan_experiments.data.files.pictures import open_picture

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


def test_the_largest_part_of_the_right_shape_is_taken():
    wide = np.zeros((8, 20), dtype=np.uint8)
    wide[:, 4:16] = COLOURS[:, :1, 0]
    seen = frame(Image.fromarray(wide), size=(8, 12), channels=1)
    assert seen.shape == (1, 8, 12)
    assert np.array_equal(seen[0], wide[:, 4:16])
    tall = frame(Image.fromarray(wide.T.copy()), size=(6, 4), channels=1, resize="box")  # 12 of 20 rows, all 8 columns
    assert np.array_equal(tall, frame(Image.fromarray(wide.T[4:16].copy()), (6, 4), 1, "box"))


def test_two_and_four_channels_keep_transparency():
    colours = RNG.integers(1, 256, (4, 6, 4), dtype=np.uint8)
    assert np.array_equal(frame(Image.fromarray(colours), (4, 6), 4), colours.transpose(2, 0, 1))
    assert np.array_equal(frame(Image.fromarray(colours[..., :2]), (4, 6), 2), colours[..., :2].transpose(2, 0, 1))
    opaque = frame(Image.fromarray(colours[..., :3]), (4, 6), 4)
    assert np.array_equal(opaque[:3], colours[..., :3].transpose(2, 0, 1))
    assert (opaque[3] == 255).all()


DEEP = RNG.integers(0, 65536, (6, 8), dtype=np.uint16)


def test_sixteen_bits_are_kept_where_they_are_asked_for():
    seen = Framing((6, 8), 1, "lanczos", bits=16)(Image.fromarray(DEEP))
    assert seen.dtype == np.uint16
    assert np.array_equal(seen[0], DEEP)
    shallow = Framing((6, 8), 1, "lanczos", bits=16)(Image.fromarray((DEEP >> 8).astype(np.uint8)))
    assert np.array_equal(shallow[0], (DEEP >> 8) * 257)  # black and white stay black and white
    small = Framing((3, 4), 1, "box", bits=16)(Image.fromarray(DEEP))
    means = DEEP.reshape(3, 2, 4, 2).mean((1, 3))
    assert abs(small[0] - means).max() <= 1


def test_colours_of_sixteen_bits_need_an_array():
    with pytest.raises(ValueError, match="3 channels of 16 bits need an array"):
        Framing(8, 3, "lanczos", bits=16)(Image.fromarray(COLOURS))


@pytest.mark.parametrize("bits", [8, 16])
def test_arrays_and_pages_have_any_number_of_channels(tmp_path, bits):
    planes = RNG.integers(0, 2**bits, (5, 6, 8)).astype(np.uint8 if bits == 8 else np.uint16)
    np.save(tmp_path / "first.npy", planes)
    np.save(tmp_path / "last.npy", planes.transpose(1, 2, 0))
    first, *others = [Image.fromarray(plane) for plane in planes]
    first.save(tmp_path / "pages.tiff", save_all=True, append_images=others)
    framing = Framing((6, 8), 5, "lanczos", bits=bits)
    for name in ("first.npy", "last.npy", "pages.tiff"):
        with open_picture(tmp_path / name) as picture:
            assert np.array_equal(framing(picture), planes), name
        with open_picture((tmp_path / name).read_bytes()) as picture:
            assert np.array_equal(framing(picture), planes), name
            assert picture.size == (8, 6)
    with open_picture(tmp_path / "last.npy") as picture, pytest.raises(ValueError, match="5 channels, not 4"):
        Framing((6, 8), 4, "lanczos", bits=bits)(picture)
    with open_picture(tmp_path / "pages.tiff") as picture, pytest.raises(ValueError, match="6 channels need an array"):
        Framing((6, 8), 6, "lanczos", bits=bits)(picture)


def test_hostile_arrays_are_refused(tmp_path):
    np.save(tmp_path / "floats.npy", np.zeros((4, 4)))
    np.save(tmp_path / "objects.npy", np.array([[object()]]), allow_pickle=True)
    np.save(tmp_path / "short.npy", np.zeros((64, 64), np.uint8))
    (tmp_path / "short.npy").write_bytes((tmp_path / "short.npy").read_bytes()[:300])
    for name in ("floats.npy", "objects.npy", "short.npy"):
        for source in (tmp_path / name, (tmp_path / name).read_bytes()):
            with pytest.raises(ValueError):  # noqa: PT011 # NumPy's own words
                open_picture(source)


def test_the_recipe_of_eight_bits_is_what_it_was():
    assert set(Framing(8, 3, "box").recipe()) == {"version", "image_size", "channels", "resize", "pillow"}
    assert Framing(8, 3, "box", bits=16).recipe()["bits"] == 16
