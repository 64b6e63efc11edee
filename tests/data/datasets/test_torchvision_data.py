"""Every standard set, on small files in the layout that torchvision expects."""

import hashlib
import pickle
import struct

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torchvision import datasets

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets import cifar, mnist, svhn
from gan_experiments.data.datasets.stl10 import STL10

RNG = np.random.default_rng(0)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_mnist(folder, source, monkeypatch):
    folder.mkdir(parents=True)
    images = RNG.integers(0, 256, (4, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 4) + bytes([3, 1, 4, 1]))
    return images[:, None]


def write_cifar(folder, source, monkeypatch):
    folder.mkdir(parents=True)
    key = "labels" if source is datasets.CIFAR10 else "fine_labels"
    batches = [name for name, _ in source.train_list + source.test_list]
    images = RNG.integers(0, 256, (len(batches) * 4, 3, 32, 32), dtype=np.uint8)
    for name, part in zip(batches, np.split(images, len(batches)), strict=True):
        (folder / name).write_bytes(pickle.dumps({"data": part.reshape(4, -1), key: [3, 1, 4, 1]}))
    meta = folder / source.meta["filename"]
    meta.write_bytes(pickle.dumps({source.meta["key"]: [f"class {label}" for label in range(100)]}))
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": md5(meta)})
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(source, part, [[name, md5(folder / name)] for name, _ in getattr(source, part)])
    return images[:-4]


def write_svhn(folder, source, monkeypatch):
    folder.mkdir(parents=True, exist_ok=True)
    images = RNG.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    file = folder / "train_32x32.mat"
    savemat(file, {"X": images.transpose(2, 3, 1, 0), "y": np.array([[3], [1], [4], [10]])})
    monkeypatch.setattr(source, "split_list", {"train": ["nowhere", file.name, md5(file)]})
    return images


def write_stl10(folder, source, monkeypatch):
    folder.mkdir(parents=True)
    images = RNG.integers(0, 256, (4, 3, 96, 96), dtype=np.uint8)
    for part in ("train", "unlabeled", "test"):
        (folder / f"{part}_X.bin").write_bytes(images.transpose(0, 1, 3, 2).tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes([4, 2, 5, 2]))
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(source, part, [[name, md5(folder / name)] for name, _ in getattr(source, part)])
    return images


SETS = {
    "mnist": (mnist.MNIST, datasets.MNIST, write_mnist, [3, 1, 4, 1]),
    "fashion_mnist": (mnist.FashionMNIST, datasets.FashionMNIST, write_mnist, [3, 1, 4, 1]),
    "kmnist": (mnist.KMNIST, datasets.KMNIST, write_mnist, [3, 1, 4, 1]),
    "cifar10": (cifar.CIFAR10, datasets.CIFAR10, write_cifar, [3, 1, 4, 1] * 5),
    "cifar100": (cifar.CIFAR100, datasets.CIFAR100, write_cifar, [3, 1, 4, 1]),
    "svhn": (svhn.SVHN, datasets.SVHN, write_svhn, [3, 1, 4, 0]),
    "stl10": (lambda root: STL10(root, "train", 96), datasets.STL10, write_stl10, [3, 1, 4, 1]),
}


@pytest.fixture(params=SETS)
def written(request, tmp_path, monkeypatch):
    """Return a dataset whose files are there, its images and labels."""
    build, source, write, labels = SETS[request.param]
    data = build(str(tmp_path))
    expected = write(data._root / data.folder, source, monkeypatch)
    return data, expected, labels


def test_the_training_images_are_read(written, monkeypatch):
    data, images, labels = written
    monkeypatch.setattr("urllib.request.urlopen", None)  # nothing is missing: nothing is downloaded
    data.prepare_data()
    assert torch.equal(data.images, torch.from_numpy(images))
    assert data.labels.tolist() == labels
    assert data.labels.dtype == torch.int64
    facts = data.facts
    assert data.images.shape[1:] == (facts.channels, facts.image_size, facts.image_size)
    assert len(data.class_names) == facts.num_classes


def test_damage_is_found(written):
    data, *_ = written
    file = max((data._root / data.folder).iterdir(), key=lambda file: ("train" in file.name, file.stat().st_size))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=rf"^dataset: {data.facts.name} is not there, or is damaged: put .* into "):
        data.setup()


@pytest.mark.parametrize("name", SETS)
def test_without_a_network_the_error_says_which_files_to_put_where(name, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no\nnetwork")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    data = SETS[name][0](str(tmp_path / "new"))
    with pytest.raises(ConfigError) as error:
        data.prepare_data()
    (problem,) = error.value.problems
    assert "cannot be downloaded (" in problem
    assert "\n" not in problem
    assert problem.endswith(f"put {data.files} into {tmp_path / 'new' / data.folder}")
    assert [path.name for path in (tmp_path / "new").iterdir()] in ([], [f".{name}.lock"])


def test_a_download_appears_as_a_whole(tmp_path, monkeypatch):
    seen = []

    def download(dataset):
        write_mnist(tmp_path.__class__(dataset.raw_folder), None, None)
        seen.append((tmp_path / "MNIST").exists())

    monkeypatch.setattr(datasets.MNIST, "download", download)
    data = mnist.MNIST(str(tmp_path))
    data.prepare_data()
    data.prepare_data()
    assert seen == [False]
    assert len(data.images) == 4
    assert not list(tmp_path.glob("*.tmp"))


def test_an_interrupted_download_leaves_nothing(tmp_path, monkeypatch):
    def download(dataset):
        write_mnist(tmp_path.__class__(dataset.raw_folder), None, None)
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.MNIST, "download", download)
    with pytest.raises(KeyboardInterrupt):
        mnist.MNIST(str(tmp_path)).prepare_data()
    assert [path.name for path in tmp_path.iterdir()] == [".mnist.lock"]


def test_damaged_files_are_replaced_by_a_download(tmp_path, monkeypatch):
    folder = tmp_path / "MNIST" / "raw"
    write_mnist(folder, None, None)
    (folder / "train-images-idx3-ubyte").write_bytes(b"half")
    (folder / "mine.txt").write_text("kept")
    monkeypatch.setattr(
        datasets.MNIST, "download", lambda dataset: write_mnist(tmp_path.__class__(dataset.raw_folder), None, None)
    )
    data = mnist.MNIST(str(tmp_path))
    data.prepare_data()
    assert len(data.images) == 4
    assert (folder / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize("size", [48, 32])
def test_smaller_images_of_stl10_are_means_of_blocks(tmp_path, monkeypatch, size):
    images = write_stl10(tmp_path / "stl10_binary", datasets.STL10, monkeypatch)
    data = STL10(str(tmp_path), "unlabeled", size)
    blocks = images.reshape(4, 3, size, 96 // size, size, 96 // size).mean((3, 5))
    assert (data.images.numpy() - blocks).max() <= 0.5
    assert data.labels is None
    assert data.facts.num_classes == 0


def test_class_names_of_cifar100_come_with_the_files(tmp_path, monkeypatch):
    write_cifar(tmp_path / "cifar-100-python", datasets.CIFAR100, monkeypatch)
    data = cifar.CIFAR100(str(tmp_path))
    assert data.class_names[7] == "7"
    data.setup()
    assert data.class_names[7] == "class 7"
