import io
import os

import pytest
from PIL import Image, UnidentifiedImageError

from gan_experiments.data.files.pictures import formats, open_picture, upright_size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP"])
def test_common_formats_are_read(tmp_path, kind):
    file = io.BytesIO()
    Image.new("RGB", (4, 5)).save(file, kind)
    (tmp_path / "picture").write_bytes(file.getvalue())
    for source in (file.getvalue(), tmp_path / "picture"):
        with open_picture(source) as image:
            assert (image.size, image.format in formats()) == ((4, 5), True)


def test_postscript_and_pipes_are_not(tmp_path):
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "EPS")
    with pytest.raises(UnidentifiedImageError):
        open_picture(file.getvalue())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="regular"):
        open_picture(tmp_path / "pipe")


@pytest.mark.parametrize(("orientation", "size"), [(None, "4x5"), (3, "4x5"), (6, "5x4"), (99, "4x5")])
def test_the_size_is_that_of_the_upright_picture(tmp_path, orientation, size):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", (4, 5)).save(tmp_path / "picture.png", exif=exif)
    with open_picture(tmp_path / "picture.png") as image:
        assert upright_size(image) == size
