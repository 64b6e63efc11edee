"""Tar shards: what they hold, what is read of them while a run goes on, and what can be wrong with them."""

import itertools
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from drawn import pixels, png, write_shards, write_tar

from gan_experiments.core.clock import Clock
from gan_experiments.core.types import ConfigError
from gan_experiments.data.shards import index as shard_index
from gan_experiments.data.shards.dataset import Shards, expand

pytest.importorskip("webdataset")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "shards"


@pytest.fixture
def urls(tmp_path):
    return write_shards(tmp_path / "data")


def stream(data, start=0, batch_size=12):
    module = SimpleNamespace(clock=Clock(batch_size, 10**9, start), seed=3)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(lightning_module=module, world_size=1, global_rank=0, strategy=strategy)
    with closing(iter(data.train_dataloader())) as endless:
        yield from endless


def batches(data, count, start=0):
    found = list(itertools.islice(stream(data, start), count))
    return torch.cat([batch.images for batch in found]), [int(label) for batch in found for label in batch.labels]


def picture(number, size=8):
    return torch.from_numpy(pixels(number, size)).permute(2, 0, 1)


def number_of(image):
    return next(number for number in range(100) if torch.equal(picture(number), image))


def test_each_epoch_shows_each_image_once_with_its_label(urls):
    data = Shards(urls, shuffle_shards=2)
    assert (data.facts.image_size, data.facts.num_classes, data.facts.num_images) == (8, 3, 60)
    assert data.facts.name == "train"
    for epoch in range(2):
        images, labels = batches(data, 5, start=60 * epoch)
        numbers = [number_of(image) for image in images]
        assert sorted(numbers) == list(range(60))
        assert labels == [number % 3 for number in numbers]


def test_the_number_of_threads_changes_nothing(urls):
    expected, labels = batches(Shards(urls, workers=1), 7)
    for workers in (2, 5, 40):
        found, same = batches(Shards(urls, workers=workers), 7)
        assert torch.equal(found, expected)
        assert same == labels


def test_what_is_compared_with_is_spread_over_the_shards_and_bounded(urls):
    data = Shards(urls, reference_images=20)
    data.setup()
    numbers = [number_of(image) for image in data.images]
    assert len(set(numbers)) == 20
    assert all(third == number // 3 for third, number in enumerate(numbers))  # one from each twentieth of 60
    assert data.labels.tolist() == [number % 3 for number in numbers]
    assert torch.equal(Shards(urls, reference_images=20, seed=1).images, data.images)
    assert len(Shards(urls).images) == 60
    provenance = data.provenance()
    assert (provenance["num_images"], provenance["training_images"], provenance["reference_images"]) == (60, 60, 20)


def test_the_fingerprint_is_of_the_content(urls, tmp_path):
    moved = write_shards(tmp_path / "elsewhere")
    other = write_shards(tmp_path / "other", change={7: {"0007.png": png(99), "0007.cls": b"1"}})
    label = write_shards(tmp_path / "label", change={7: {"0007.png": png(7), "0007.cls": b"2"}})
    fingerprint = Shards(urls).fingerprint
    assert Shards(moved).fingerprint == fingerprint
    different = [Shards(other), Shards(label), Shards(urls, image_size=4), Shards(urls, resize="box")]
    assert len({fingerprint, *(data.fingerprint for data in different)}) == 5


def test_classes_have_names_where_a_file_says_so(urls, tmp_path):
    assert Shards(urls).class_names == ["0", "1", "2"]
    file = tmp_path / "data" / "classes.json"
    file.write_text('["cat", "dog", "owl"]')
    assert Shards(urls).class_names == ["cat", "dog", "owl"]
    file.write_text('["cat"]')
    with pytest.raises(ConfigError, match=r"classes.json is no list of 3 names"):
        _ = Shards(urls).class_names


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


CUT = {"0007.png": png(7, 64)[:-2000], "0007.cls": b"1"}  # its beginning is that of an image


def test_bad_images_are_left_out_in_plain_sight(tmp_path, capsys):
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


def test_an_image_that_turns_out_cut_off_is_replaced_by_the_next(tmp_path, capsys):
    urls = write_shards(tmp_path, change={7: CUT})
    data = Shards(urls, image_size=8, reference_images=1)
    images, labels = batches(data, 5)
    numbers = [number_of(image) for image in images]
    assert sorted(numbers) == sorted([*range(7), 8, *range(8, 60)])
    assert labels == [number % 3 for number in numbers]
    assert capsys.readouterr().err.count("0007.png cannot be read (") == 1
    again, _ = batches(Shards(urls, image_size=8, reference_images=1, workers=3), 3, start=24)
    assert torch.equal(again, images[24:])


def test_too_many_that_turn_out_cut_off_end_the_run(tmp_path):
    change = {number: {f"{number:04}.png": CUT["0007.png"], f"{number:04}.cls": b"0"} for number in (7, 8)}
    data = Shards(write_shards(tmp_path, change=change), image_size=8, reference_images=1, max_bad=1)
    with pytest.raises(ConfigError, match="more than max_bad=1 of 60 images"):
        batches(data, 5)


def test_a_cut_off_image_among_those_compared_with_is_left_out(tmp_path):
    data = Shards(write_shards(tmp_path, change={7: CUT}), image_size=8)
    assert len(data.images) == len(data.labels) == 59
    assert data.labels.tolist() == [number % 3 for number in range(60) if number != 7]


def test_a_decompression_bomb_is_a_bad_image(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
    change = {5: {"0005.png": png(0, 40), "0005.cls": b"2"}}
    (reason,) = Shards(write_shards(tmp_path, change=change)).index.skipped.values()
    assert "more than the 1,000 that are safe" in reason


WRONG = {
    "cut off": ({"a.png": png(0, 32)}, slice(0, 2000), "cut off in a.png"),
    "empty": ({}, slice(0, 0), "empty file"),
    "no archive": ({"a.png": png(0, 32)}, slice(700, None), "no uncompressed tar archive"),
    "no number": ({"a.png": png(0), "a.cls": b"cat"}, slice(None), "invalid literal for int"),
    "negative": ({"a.png": png(0), "a.cls": b"-2"}, slice(None), "the label -2 is none"),
    "huge": ({"a.png": png(0), "a.cls": b"3000000000"}, slice(None), "the label 3000000000 is none"),
    "unbounded": ({"a.png": png(0), "a.cls": b"9" * 10**6}, slice(None), "the label 9+ is none"),
    "gap": ({"a.png": png(0), "a.cls": b"1"}, slice(None), "labels go up to 1, but no image has label 0"),
    "apart": ({"a.png": png(0), "b.png": png(1), "a.cls": b"0"}, slice(None), "a.cls has no image beside it"),
    "half": ({"a.png": png(0), "b.png": png(1), "b.cls": b"0"}, slice(None), "1 images carry no label .*, 1 do"),
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


def test_a_compressed_shard_is_refused(tmp_path):
    shard = write_tar(tmp_path / "a.tar", {"a.png": png(0)})
    subprocess.run(["gzip", str(shard)], check=True)
    with pytest.raises(ConfigError, match=r"a.tar.gz is no uncompressed tar archive"):
        _ = Shards(f"{shard}.gz").facts


def test_missing_shards_are_named(tmp_path):
    urls = write_shards(tmp_path).replace("0003", "0011")
    expected = r"^dataset.urls: 8 of 12 shards are not there: .*0004.tar, .*0005.tar, .*0006.tar and 5 more$"
    with pytest.raises(ConfigError, match=expected):
        _ = Shards(urls).facts


@pytest.mark.parametrize("url", ["pipe:touch hacked", "https://host/a.tar", "s3://bucket/{0..3}.tar"])
def test_only_files_are_read_and_nothing_is_run(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="shards must be files"):
        _ = Shards(url).facts
    assert not (tmp_path / "hacked").exists()


def test_names_of_shards():
    assert list(map(str, expand("a/{08..10}.tar::b/{x,y}.tar"))) == [
        "a/08.tar", "a/09.tar", "a/10.tar", "b/x.tar", "b/y.tar"]  # fmt: skip


def test_without_webdataset_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "webdataset.shardlists", None)
    with pytest.raises(ConfigError, match=r"pip install 'gan-experiments\[shards\]'"):
        expand("a.tar")


def test_a_disk_that_fills_leaves_no_half_index(urls, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_index, "write_json", full)
    with pytest.raises(ConfigError, match=r"index cannot be written \(No space left on device\)"):
        Shards(urls).setup()
    monkeypatch.undo()
    assert not list(cache.glob(".*.tmp"))
    assert Shards(urls).num_images == 60


def test_a_run_is_trained_on_shards_and_measured_against_the_reference(fit, tmp_path):
    options = ("dataset.reference_images=40", "dataset.horizontal_flip=true")
    run = fit("dataset=shards", f"dataset.urls={write_shards(tmp_path / 'data')}", *options)
    record = run.record()
    assert record["status"] == "finished"
    assert record["evaluation"]["real_images"] == record["dataset"]["reference_images"] == 40
    assert (record["dataset"]["num_images"], record["dataset"]["num_classes"]) == (60, 3)
    assert record["final"]["fid"] > 0


def memory(what):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(what))


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux forgets a peak of memory")
def test_memory_does_not_grow_with_the_set(tmp_path):
    """Thirty times the shards: their images would take 47 MB, and their files as much."""
    few = write_shards(tmp_path / "few", shards=2, images=64, size=64)
    (tmp_path / "many").mkdir()
    for copy in range(60):
        (tmp_path / "many" / f"train-{copy:04}.tar").hardlink_to(tmp_path / "few" / f"train-{copy % 2:04}.tar")
    grown = []
    many = f"{tmp_path}/many/train-{{0000..0059}}.tar"
    for urls, images, count in ((few, 128, 10), (few, 128, 10), (many, 3840, 80)):
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        data = Shards(urls, reference_images=50, shuffle_shards=2, workers=2)
        data.setup()
        for batch in itertools.islice(stream(data, batch_size=50), count):
            assert len(batch.images) == 50
        assert data.num_images == images
        grown.append(memory("VmHWM") - before)
    assert grown[2] < grown[1] + 8e6
