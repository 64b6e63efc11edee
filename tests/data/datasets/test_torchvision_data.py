"""Every standard dataset, on small files in the layout of torchvision."""

import pytest
import torch
from torchvision import datasets
from torchvision_files import write_cifar, write_mnist, write_stl10, write_svhn

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets import cifar, mnist, svhn
from gan_experiments.data.datasets.stl10 import STL10

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
    """Return a dataset with complete files, its images and labels."""
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


def test_damaged_files_are_refused(written):
    data, *_ = written
    file = max((data._root / data.folder).iterdir(), key=lambda file: ("train" in file.name, file.stat().st_size))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=rf"^dataset: {data.facts.name} is missing or damaged: put .* into "):
        data.setup()


@pytest.mark.parametrize("name", SETS)
def test_without_a_network_the_error_says_which_files_to_put_where(name, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no\nnetwork")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    data = SETS[name][0](str(tmp_path / "new" / "folder"))
    with pytest.raises(ConfigError) as error:
        data.prepare_data()
    assert not (tmp_path / "new").exists()
    (problem,) = error.value.problems
    assert "cannot be downloaded (" in problem
    assert "\n" not in problem
    assert problem.endswith(f"put {data.files} into {tmp_path / 'new' / 'folder' / data.folder}")


def test_a_failed_download_leaves_a_folder_that_was_there(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(ConfigError):
        SETS["mnist"][0](str(tmp_path)).prepare_data()
    assert [path.name for path in tmp_path.iterdir()] == [".mnist.lock"]


def test_a_download_appears_when_it_is_complete(tmp_path, monkeypatch):
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
