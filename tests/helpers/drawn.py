"""Random images as files of a folder, a zip archive or tar shards."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image


def pixels(number, size=8):
    """Return the pixels of image ``number``: uint8, ``(size, size, 3)``."""
    return np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)


def number_of(image):
    """Return the number of an image, uint8 ``(3, 8, 8)``."""
    return next(number for number in range(100) if (pixels(number).transpose(2, 0, 1) == image.numpy()).all())


def png(number=0, size=8):
    """Return the content of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels(number, size)).save(file, "PNG")
    return file.getvalue()


def write_folder(root, files):
    """Write files with these names and contents; a name that ends with a slash is an empty folder."""
    for name, content in files.items():
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content)
    return root


def write_archive(path, files):
    """Write the same as a zip archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path, files):
    """Write the same as a tar archive, in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_shards(folder, shards=4, images=15, classes=3, size=8, change=None):
    """Write numbered images as shards and return their URLs; ``change`` replaces the files of samples."""
    for shard in range(shards):
        files = {}
        for number in range(shard * images, (shard + 1) * images):
            sample = {f"{number:04}.png": png(number, size)}
            if classes:
                sample[f"{number:04}.cls"] = str(number % classes).encode()
            files |= (change or {}).get(number, sample)
        write_tar(folder / f"train-{shard:04}.tar", files)
    return f"{folder}/train-{{0000..{shards - 1:04}}}.tar"
