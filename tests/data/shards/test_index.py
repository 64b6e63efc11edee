"""What tar shards contain, and what can be wrong with them."""

import io
import subprocess

import pytest
from drawn import number_of, png, write_shards, write_tar
from PIL import Image, ImageFile

from gan_experiments.core.types import ConfigError
from gan_experiments.data.shards import index as shard_index
from gan_experiments.data.shards.dataset import Shards


def test_other_files_of_a_sample_and_other_formats(tmp_path):
    files = {"a/1.json": b"{}", "a/1.PNG": png(1), "a/2.png": png(2), "a/2.seg.png": png(9), "b.txt": b"no image"}
    write_tar(tmp_path / "mixed.tar", files)
    data = Shards(str(tmp_path / "mixed.tar"))
    data.setup()
    assert [number_of(image) for image in data.images] == [1, 2]
    assert data.labels is None
    assert data.about_files()["no image in"] == ["1 samples"]
    assert data.about_files()["shards"] == ["1"]


def test_the_second_time_nothing_is_indexed(urls, monkeypatch, cache):
    Shards(urls).setup()
    monkeypatch.setattr(shard_index, "_scan", None)
    assert len(Shards(urls).index.entries) == 60
    assert sorted(path.suffix for path in cache.iterdir()) == [".index", ".json", ".lock"]


@pytest.mark.parametrize("damage", ["cut", "no description"])
def test_a_damaged_index_is_made_again(urls, cache, damage):
    Shards(urls).setup()
    (file,), (about,) = cache.glob("*.index"), cache.glob("*.json")
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-16])
    else:
        about.unlink()
    assert len(Shards(urls).index.entries) == 60


def test_a_changed_shard_is_indexed_again(urls, tmp_path):
    assert Shards(urls).num_images == 60
    write_tar(tmp_path / "data" / "train-0001.tar", {"x.png": png(0), "x.cls": b"0"})
    assert Shards(urls).num_images == 46


def test_unreadable_images_are_left_out_with_a_warning(tmp_path, capsys):
    bad = {3: {"0003.png": b"", "0003.cls": b"0"}, 20: {"0020.png": b"text", "0020.cls": b"2"}}
    data = Shards(write_shards(tmp_path, change=bad), image_size=8)
    data.setup()
    assert data.num_images == 58
    assert "Warning: 2 of 60 images cannot be read and are left out" in capsys.readouterr().err
    assert list(data.index.skipped.values()) == ["not an image"] * 2
    assert any("train-0001.tar: 0020.png (not an image)" in name for name in data.about_files()["unreadable"])
    assert data.provenance()["skipped"] == 2
    with pytest.raises(ConfigError, match=r"^dataset: more than max_bad=1 images cannot be read: .*0003.png"):
        Shards(write_shards(tmp_path, change=bad), image_size=8, max_bad=1).setup()


def test_a_decompression_bomb_is_a_bad_image(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
    change = {5: {"0005.png": png(0, 40), "0005.cls": b"2"}}
    (reason,) = Shards(write_shards(tmp_path, change=change)).index.skipped.values()
    assert "more than the 1,000 that are safe" in reason


WRONG = {
    "truncated": ({"a.png": png(0, 32)}, slice(0, 2000), "truncated in a.png"),
    "empty": ({}, slice(0, 0), "empty file"),
    "no archive": ({"a.png": png(0, 32)}, slice(700, None), "not an uncompressed tar archive"),
    "no number": ({"a.png": png(0), "a.cls": b"cat"}, slice(None), "invalid literal for int"),
    "negative": ({"a.png": png(0), "a.cls": b"-2"}, slice(None), "invalid label -2"),
    "huge": ({"a.png": png(0), "a.cls": b"3000000000"}, slice(None), "invalid label 3000000000"),
    "unbounded": ({"a.png": png(0), "a.cls": b"9" * 10**6}, slice(None), "invalid label 9+"),
    "gap": ({"a.png": png(0), "a.cls": b"1"}, slice(None), "labels go up to 1, but no image has label 0"),
    "apart": ({"a.png": png(0), "b.png": png(1), "a.cls": b"0"}, slice(None), "a.cls has no image"),
    "half": ({"a.png": png(0), "b.png": png(1), "b.cls": b"0"}, slice(None), "1 images have no label .*, 1 have one"),
    "twice": ({"a.png": png(0), "a.PNG": png(1)}, slice(None), "duplicate file name"),
    "no image": ({"a.txt": b"0"}, slice(None), "there are no images in"),
    "bad images": ({"a.png": b"0"}, slice(None), "none of 1 images can be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_shard_is_refused_in_one_line(tmp_path, cache, case):
    files, kept, message = WRONG[case]
    shard = write_tar(tmp_path / "bad.tar", files)
    shard.write_bytes(shard.read_bytes()[kept])
    with pytest.raises(ConfigError, match=message) as refusal:
        _ = Shards(str(shard)).facts
    assert "\n" not in str(refusal.value)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]  # nothing half-made


def test_a_folder_of_shards_is_no_shard(tmp_path):
    write_shards(tmp_path)
    with pytest.raises(ConfigError, match=r"^dataset.urls: .* is a folder: name its archives, such as '.*\.\..*tar'"):
        _ = Shards(str(tmp_path)).facts


def test_a_compressed_shard_is_refused(tmp_path):
    shard = write_tar(tmp_path / "a.tar", {"a.png": png(0)})
    subprocess.run(["gzip", str(shard)], check=True)
    with pytest.raises(ConfigError, match=r"a.tar.gz is not an uncompressed tar archive"):
        _ = Shards(f"{shard}.gz").facts


def test_missing_shards_are_named(tmp_path):
    urls = write_shards(tmp_path).replace("0003", "0011")
    expected = r"^dataset.urls: 8 of 12 shards are missing: .*0004.tar, .*0005.tar, .*0006.tar and 5 more$"
    with pytest.raises(ConfigError, match=expected):
        _ = Shards(urls).facts


def test_a_disk_that_fills_leaves_no_half_index(urls, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_index, "write_json", full)
    with pytest.raises(ConfigError, match=r"index cannot be written \(No space left on device\)"):
        Shards(urls).setup()
    monkeypatch.undo()
    assert not list(cache.glob(".*.tmp"))
    assert Shards(urls).num_images == 60


@pytest.mark.parametrize(("form", "sideways"), [("JPEG", True), ("PNG", True), ("PNG", False)])
def test_sizes_are_those_of_upright_pictures_and_nothing_is_decoded(tmp_path, monkeypatch, form, sideways):
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(file, form, **({"exif": exif} if sideways else {}))
    write_tar(tmp_path / "photos.tar", {f"{index}.{form.lower()}": file.getvalue() for index in range(3)})
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    assert Shards(str(tmp_path / "photos.tar"), image_size=8).index.sizes == {"30x40" if sideways else "40x30": 3}
