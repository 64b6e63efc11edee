"""The dataset of tar shards: facts, reference images, order, memory."""

import itertools
import os
import resource
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch
from batches import first_batches, loader
from drawn import number_of, png, write_shards

from gan_experiments.core.types import ConfigError
from gan_experiments.data.shards.dataset import Shards, expand


def test_each_epoch_shows_each_image_once_with_its_label(urls):
    data = Shards(urls, shuffle_shards=2)
    assert (data.facts.image_size, data.facts.num_classes, data.facts.num_images) == (8, 3, 60)
    assert data.facts.name == "train"
    for epoch in range(2):
        batches = first_batches(data, 5, start=60 * epoch)
        numbers = [number_of(image) for batch in batches for image in batch.images]
        assert sorted(numbers) == list(range(60))
        assert [int(label) for batch in batches for label in batch.labels] == [number % 3 for number in numbers]


@pytest.fixture
def few_open_files():
    """Let the process open less than a hundred files more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_reference_images_of_more_shards_than_can_be_open_are_read(tmp_path, few_open_files):
    data = Shards(write_shards(tmp_path, shards=200, images=1, classes=0), max_bad=0)
    assert len(data.images) == 200


def test_reference_images_are_spread_over_the_shards_and_limited(urls):
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


def test_class_names_are_read_from_a_file(urls, tmp_path):
    assert Shards(urls).class_names == ["0", "1", "2"]
    file = tmp_path / "data" / "classes.json"
    file.write_text('["cat", "dog", "owl"]')
    assert Shards(urls).class_names == ["cat", "dog", "owl"]
    file.write_text('["cat"]')
    with pytest.raises(ConfigError, match=r"classes.json is not a list of 3 names"):
        _ = Shards(urls).class_names
    file.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"classes.json cannot be read \("):
        _ = Shards(urls).class_names


def test_a_truncated_reference_image_is_left_out(tmp_path):
    truncated = {"0007.png": png(7, 64)[:-2000], "0007.cls": b"1"}
    data = Shards(write_shards(tmp_path, change={7: truncated}), image_size=8)
    assert len(data.images) == len(data.labels) == 59
    assert data.labels.tolist() == [number % 3 for number in range(60) if number != 7]


@pytest.mark.parametrize("url", ["pipe:touch hacked", "https://host/a.tar", "s3://bucket/{0..3}.tar"])
def test_only_files_are_read_and_nothing_is_run(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="must be files"):
        _ = Shards(url).facts
    assert not (tmp_path / "hacked").exists()


def test_names_of_shards():
    assert list(map(str, expand("a/{08..10}.tar::b/{x,y}.tar"))) == [
        "a/08.tar", "a/09.tar", "a/10.tar", "b/x.tar", "b/y.tar"]  # fmt: skip


def test_without_webdataset_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "webdataset.shardlists", None)
    with pytest.raises(ConfigError, match=r"pip install 'gan-experiments\[shards\]'"):
        expand("a.tar")


def test_a_run_is_trained_on_shards_and_measured_against_the_reference(fit, tmp_path):
    options = ("dataset.reference_images=40", "dataset.horizontal_flip=true")
    run = fit("dataset=shards", f"dataset.urls={write_shards(tmp_path / 'data')}", *options)
    record = run.record()
    assert record["status"] == "finished"
    assert record["evaluation"]["real_images"] == record["dataset"]["reference_images"] == 40
    assert (record["dataset"]["num_images"], record["dataset"]["num_classes"]) == (60, 3)
    assert record["final"]["fid"]["value"] > 0


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
        with closing(iter(loader(data, batch_size=50))) as endless:
            for batch in itertools.islice(endless, count):
                assert len(batch.images) == 50
        assert data.num_images == images
        grown.append(memory("VmHWM") - before)
    assert grown[2] < grown[1] + 8e6
