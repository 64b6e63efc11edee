"""Image files, archives and arrays that somebody made to run something, to hang the reader or to fill its memory."""

import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.fakes import load_fakes
from gan_experiments.data.files.framing import Framing
from gan_experiments.data.files.listing import Archive, Folder, list_images
from gan_experiments.data.shards.dataset import expand

GREY = DataFacts("grey", 4, 1)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\n(x) print showpage\n%%EOF\n"


def _encoded(kind):
    file = io.BytesIO()
    Image.new("L", (4, 4), 128).save(file, kind)
    return file.getvalue()


PNG = _encoded("PNG")


def _png_header(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (body, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PICTURES = {
    "eps": EPS,
    "eps in a binary shell": struct.pack("<IIIIIIIH", 0xC6D3D0C5, 30, len(EPS), 0, 0, 0, 0, 0xFFFF) + EPS,
    "postscript": EPS.replace(b" EPSF-3.0", b""),
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(200),
    "icns": b"icns" + struct.pack(">I", 2**31) + b"ic07" + struct.pack(">I", 2**31),
    "ico": b"\x00\x00\x01\x00\xff\xff" + bytes(100),
    "pdf": b"%PDF-1.4\n" + bytes(100),
    "mpeg": b"\x00\x00\x01\xb3" + bytes(100),
    "hdf": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "fits": b"SIMPLE  =                    T" + bytes(3000),
    "im": b"Image type: L image\r\nFile size (no of images): 999999999\r\n" + bytes(500),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "png of 10^18 pixels": _png_header(10**9, 10**9),
    "png of 30000x30000": _png_header(30000, 30000),
    "png without end": PNG[:-20],
    "half a jpeg": _encoded("JPEG")[:200],
    "gif of 65535x65535": b"GIF89a\xff\xff\xff\xff\x80" + bytes(8) + b",\x00\x00\x00\x00\xff\xff\xff\xff\x00\x08\x00",
    "bmp of -1 rows": b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 2**30, -(2**30), 1, 24, 0, 0, 0, 0, 0, 0),
    "ppm of a thousand digits": b"P5 " + b"9" * 1000 + b" 1 255\n",
    "tiff that is its own directory": b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00",
    "text": b"not an image",
    "nothing": b"",
}  # fmt: skip


def _refused(name, source):
    """Check that a picture of a source is refused without an effort."""
    with source.opened() as open_, pytest.raises(Exception) as caught, open_(name) as image:  # noqa: PT011
        Framing(4, 1, "lanczos")(image)
    assert not isinstance(caught.value, (MemoryError, RecursionError, AssertionError))


@pytest.mark.parametrize("case", PICTURES)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ""])
def test_a_picture_is_refused_and_nothing_started_for_it(tmp_path, monkeypatch, case, suffix):
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr(os, "system", None)
    (tmp_path / f"bad{suffix}").write_bytes(PICTURES[case])
    _refused(f"bad{suffix}", Folder(tmp_path))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / f"bad{suffix}", f"bad{suffix}")
    _refused(f"bad{suffix}", Archive(tmp_path / "a.zip"))


def test_other_formats_are_no_images(tmp_path):
    for name in ("a.eps", "b.ps", "c.wmf", "d.pdf", "e.png"):
        (tmp_path / name).write_bytes(PNG)
    assert list_images(Folder(tmp_path)).names == ("e.png",)


@pytest.mark.parametrize("kind", ["pipe", "endless device", "link to a device", "folder"])
def test_only_regular_files_are_read(tmp_path, kind):
    file = tmp_path / "bad.png"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero" if kind == "link to a device" else "/dev/tty")
    _refused("bad.png", Folder(tmp_path))
    for name in ("fakes.zip", "fakes.npy", "fakes.npz"):
        if kind == "pipe":
            os.mkfifo(tmp_path / name)
        elif kind != "folder":
            (tmp_path / name).symlink_to(file)
        else:
            (tmp_path / name).mkdir()
            continue
        with pytest.raises(ConfigError, match="regular"):
            load_fakes(tmp_path / name, GREY)


def _npy(shape, dtype="|u1", data=b"", text=None):
    header = (text or f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}").encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


ARRAYS = {
    "more than it holds": _npy((10**12, 4, 4)),
    "more than a number": _npy((10**30, 4, 4)),
    "a product beyond 64 bits": _npy((2**40, 2**40, 2)),
    "less than none": _npy((-1, 4, 4), data=bytes(16)),
    "objects": _npy((1, 4, 4), "|O", b"cos\nsystem\n(S'touch hacked'\ntR."),
    "text": _npy((1, 4, 4), "<U4", bytes(256)),
    "complex": _npy((1, 4, 4), "<c16", bytes(256)),
    "dates": _npy((1, 4, 4), "<M8[D]", bytes(256)),
    "records": _npy((), text="{'descr': [('a', '<u1')], 'fortran_order': False, 'shape': (1, 4, 4)}", data=bytes(16)),
    "code": _npy((), text="{'descr': __import__('os').system('touch hacked'), 'fortran_order': False, 'shape': ()}"),
    "nesting": _npy((), text="[" * 5000),
    "no header": b"\x93NUMPY\x01\x00\xff\xff",
    "version 255": b"\x93NUMPY\xff\x00\x10\x00" + bytes(16),
    "no rows": _npy((0, 4, 4)),
    "nothing": b"",
    "a pickle": b"cos\nsystem\n(S'touch hacked'\ntR.",
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
@pytest.mark.parametrize("packed", [False, True], ids=["npy", "npz"])
def test_an_array_is_refused_in_a_line(tmp_path, monkeypatch, case, packed):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ("a.npz" if packed else "a.npy")
    if packed:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.npy", ARRAYS[case])
    else:
        file.write_bytes(ARRAYS[case])
    with pytest.raises(ConfigError) as caught:
        load_fakes(file, GREY)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("fake: ")
    assert not (tmp_path / "hacked").exists()


def _lying_zip(name, content, claimed):
    """Return an archive whose directory claims another size of its entry."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    data = bytearray(file.getvalue())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", claimed)
    return bytes(data)


@pytest.mark.parametrize("claimed", [0, 10, 10**6, 2**30 - 1, 2**30 + 1, 2**32 - 2])
@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_an_archive_that_lies_about_a_size_is_refused(tmp_path, claimed, name):
    file = tmp_path / ("a.zip" if name == "a.png" else "a.npz")
    content = PNG if name == "a.png" else _npy((10**9, 4, 4))
    file.write_bytes(_lying_zip(name, content, claimed))
    with suppress(ConfigError):  # or it is read as long as the data is whole
        images = load_fakes(file, GREY)
        assert name == "a.png"
        assert images.unique().tolist() == [128]


def test_an_archive_that_unpacks_to_more_than_the_memory_is_refused_before(tmp_path):
    (tmp_path / "a.npz").write_bytes(_lying_zip("a.npy", bytes(1000), 2**32 - 2))
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        (entry,) = archive.infolist()
    code = f"""
import os, zipfile
from gan_experiments.data import fakes
sizes = {{"SC_PHYS_PAGES": 2**18, "SC_PAGE_SIZE": 4096}}
os.sysconf = lambda name: sizes[name]
entry = zipfile.ZipInfo("a.npy"); entry.file_size = {entry.file_size}
fakes._refuse_bomb([entry])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "it unpacks to 4 GiB, this machine has 1 GiB of memory" in result.stderr


URLS = [
    "a-{0..999999999999}.tar", "a-{0..9}{0..9}{0..9}{0..9}{0..9}{0..9}{0..9}.tar", "a-{000000..99999999}.tar",
    "a-{-999999999..0}.tar", "a-{9999999999..0}.tar", "a-{0.." + "9" * 5000 + "}.tar", "{a,b}" * 60 + ".tar",
    "::".join(["a-{0..99999}.tar"] * 3), "{" * 5000 + "}" * 5000, "{a,{b,{0..999999999}}}.tar", "{0..99999999..0}.tar",
    "{a..z}" * 12, "{0..4000000000..2}.tar",
]  # fmt: skip


@pytest.mark.parametrize("urls", URLS, ids=range(len(URLS)))
def test_a_pattern_of_too_many_shards_is_refused_before_it_is_expanded(urls):
    with pytest.raises(ConfigError, match=r"dataset\.urls: "):
        expand(urls)


def test_a_dataset_says_names_that_can_be_printed(call, tmp_path, monkeypatch):
    from gan_experiments.cli import data

    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    for name in ("\x1b[31mcat", "dog\x07\u202e"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "photos" / name / f"\x1b[2J{number}.png").write_bytes(PNG)
        (tmp_path / "photos" / name / "bad\r\n.png").write_bytes(b"")
        (tmp_path / "photos" / name / "other\x1b.txt").write_bytes(b"")
    code, out, err = call(data, "describe", "dataset=image_folder", "dataset.root=photos", "dataset.image_size=4")
    assert code == 0, err
    assert all(line.isprintable() for line in (out + err).splitlines())
    assert "\\x1b[31mcat" in out


def test_a_good_array_is_read(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 4), np.uint8))
    assert load_fakes(tmp_path / "a.npy", GREY).shape == (3, 1, 4, 4)
