import json
import zipfile

import pytest
import torch
from drawn import png, write_archive, write_folder

from gan_experiments.cli import data as command
from gan_experiments.core.types import ConfigError
from gan_experiments.data.convert import write_images
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.datasets.image_files import ImageArchive, ImageFolder
from gan_experiments.data.shards.dataset import Shards
from gan_experiments.data.shards.writer import write_shards
from gan_experiments.data.synthetic.points import Ring


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def digits():
    data = Digits(per_class=3)
    data.setup()
    return data


def read(path):
    data = (ImageArchive if path.suffix == ".zip" else ImageFolder)(str(path), channels=1)
    data.setup()
    return data


@pytest.mark.parametrize("name", ["digits.zip", "digits"])
def test_pixels_labels_and_names_come_back(digits, tmp_path, name):
    write_images(digits, tmp_path / name)
    found = read(tmp_path / name)
    assert torch.equal(found.images, digits.images[digits.training])
    assert torch.equal(found.labels, digits.labels[digits.training])
    assert found.class_names == digits.class_names
    with pytest.raises(ConfigError, match="exists and is not overwritten"):
        write_images(digits, tmp_path / name)


def test_shards_become_a_folder_with_all_of_their_images(digits, tmp_path):
    pytest.importorskip("webdataset")
    urls = write_shards(digits, tmp_path / "shards", 7, seed=0)
    shards = Shards(urls, channels=1, reference_images=5, workers=1)
    shards.setup()
    write_images(shards, tmp_path / "folder")
    found = read(tmp_path / "folder")
    assert len(found.images) == 30

    def both(data, chosen=slice(None)):
        return sorted(zip(data.images[chosen].flatten(1).tolist(), data.labels[chosen].tolist(), strict=True))

    assert both(found) == both(digits, digits.training)


def test_a_disk_that_fails_leaves_nothing_behind(digits, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gan_experiments.data.convert.encode_picture", full)
    for name in ("digits.zip", "digits"):
        with pytest.raises(ConfigError, match="cannot be written"):
            write_images(digits, tmp_path / "out" / name)
    assert not list((tmp_path / "out").iterdir())


def test_points_are_no_files(tmp_path):
    data = Ring(num_points=20)
    data.setup()
    with pytest.raises(ConfigError, match="consists of points"):
        write_images(data, tmp_path / "ring")


def test_the_command_says_how_to_train_on_what_it_wrote(call, tmp_path):
    code, out, err = call(command, "convert", "dataset=digits", "dataset.per_class=2", "output=digits.zip")
    assert (code, err) == (0, "")
    assert "gan-train dataset=image_archive dataset.path=digits.zip dataset.channels=1" in out
    with zipfile.ZipFile("digits.zip") as archive:
        about = json.loads(archive.read("dataset.json"))
    assert about["labels"][0][0] == "00000/img00000000.png"
    code, _, err = call(command, "convert", "dataset=digits", "output=digits.zip", "format=folder")
    assert (code, "exists" in err) == (2, True)
    code, _, err = call(command, "convert", "dataset=digits", "output=other.zip", "format=folder")
    assert (code, "does not go with format=folder" in err) == (2, True)


FILES = {f"{number // 2:05}/img{number:08}.png": png(number) for number in range(5)}


def labelled(labels, **others):
    return {**FILES, "dataset.json": json.dumps({"labels": labels, **others}).encode()}


@pytest.mark.parametrize("write", [write_folder, write_archive])
def test_labels_of_dataset_json_go_before_folders(tmp_path, write):
    path = tmp_path / ("set.zip" if write is write_archive else "set")
    kind = ImageArchive if write is write_archive else ImageFolder
    write(path, labelled([[name, number % 3] for number, name in enumerate(FILES)]))
    data = kind(str(path))
    data.setup()
    assert data.labels.tolist() == [0, 1, 2, 0, 1]
    assert data.class_names == ["0", "1", "2"]


def test_null_means_that_there_are_no_labels(tmp_path):
    data = ImageFolder(str(write_folder(tmp_path / "set", labelled(None))))
    data.setup()
    assert data.labels is None
    assert data.facts.num_classes == 0
    other = ImageFolder(str(write_folder(tmp_path / "other", {**FILES, "dataset.json": b'{"year": 2020}'})))
    assert other.facts.num_classes == 3  # another file of this name says nothing


@pytest.mark.parametrize(
    ("labels", "others", "message"),
    [
        ([[name, 0] for name in list(FILES)[:4]], {}, "no label for 00002/img00000004.png"),
        ([[name, -1] for name in FILES], {}, "is -1, not a class"),
        ([[name, [0.5, 1.0]] for name in FILES], {}, "not a class"),
        ([[name, 2 * (number > 2)] for number, name in enumerate(FILES)], {}, "no image has label 1"),
        ([[name, 5] for name in FILES], {"class_names": ["a"]}, "is 5, not a class"),
        (7, {}, "is damaged"),
    ],
)
def test_wrong_labels_are_refused(tmp_path, labels, others, message):
    data = ImageFolder(str(write_folder(tmp_path / "set", labelled(labels, **others))))
    with pytest.raises(ConfigError, match=message):
        _ = data.facts


@pytest.mark.parametrize("text", [b"{", b'{"labels": ' + b"[" * 100_000])  # cut off, and of endless depth
def test_a_damaged_file_of_labels_is_refused(tmp_path, text):
    data = ImageFolder(str(write_folder(tmp_path / "set", {**FILES, "dataset.json": text})))
    with pytest.raises(ConfigError, match=r"^dataset.root: dataset.json is damaged"):
        _ = data.facts


@pytest.mark.parametrize("write", [write_folder, write_archive])
@pytest.mark.parametrize("flat", [True, False])
def test_labels_of_a_skipped_folder_are_read(tmp_path, write, flat):
    files = {name.split("/")[1] if flat else name: content for name, content in FILES.items()}
    about = json.dumps({"labels": [[name, number % 2] for number, name in enumerate(files)]}).encode()
    path = tmp_path / ("set.zip" if write is write_archive else "set")
    write(path, {f"faces/{name}": content for name, content in {**files, "dataset.json": about}.items()})
    data = (ImageArchive if write is write_archive else ImageFolder)(str(path))
    assert data.listing.labels == (0, 1, 0, 1, 0)


def test_a_subset_keeps_the_number_of_classes(tmp_path):
    data = Digits(limit=3)
    data.setup()
    write_images(data, tmp_path / "few")
    found = read(tmp_path / "few")
    assert (found.class_names, len(found.images)) == (data.class_names, 3)
    with pytest.raises(ConfigError, match="has no image of class"):
        write_shards(data, tmp_path / "shards", 7, seed=0)


def test_a_size_that_is_not_guessed_is_printed(call, tmp_path):
    write_folder(tmp_path / "large", {"a.png": png(0, 260), "b.png": png(1, 260)})
    given = ["dataset=image_folder", f"dataset.root={tmp_path / 'large'}", "dataset.image_size=260"]
    code, out, _ = call(command, "convert", *given, "output=large.zip")
    assert (code, "dataset.image_size=[260,260]" in out) == (0, True)


def test_images_with_inputs_are_not_written_without_them(call, tmp_path):
    code, _, err = call(command, "convert", "dataset=digits_twin", "output=x.zip")
    assert (code, "inputs would be lost" in err) == (2, True)
