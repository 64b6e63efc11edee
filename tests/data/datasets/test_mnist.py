import struct

import pytest
import torch

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.mnist import MNIST


def write(folder, part, images, labels):
    """Write files in the format of LeCun's page: big-endian magic number, sizes, bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    header = struct.pack(">4I", 0x803, *images.shape)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.numpy().tobytes())
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, len(labels)) + bytes(labels))


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 28, 28), dtype=torch.uint8)


@pytest.fixture
def root(tmp_path, images):
    write(tmp_path / "MNIST" / "raw", "train", images, [3, 1, 4, 1, 5])
    write(tmp_path / "MNIST" / "raw", "t10k", images[:1], [9])
    return tmp_path


def test_training_images_are_read(root, images):
    data = MNIST(str(root))
    data.prepare_data()  # nothing is missing: nothing is downloaded
    data.setup()
    assert torch.equal(data.images, images.unsqueeze(1))
    assert data.labels.tolist() == [3, 1, 4, 1, 5]
    assert data.labels.dtype == torch.int64


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"is missing or damaged: put train-images-idx3-ubyte.* into .*raw") as error:
        MNIST(str(tmp_path)).setup()
    assert len(error.value.problems) == 1


def test_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def fail(self):
        raise RuntimeError("Error downloading:\nno network")

    monkeypatch.setattr("torchvision.datasets.MNIST.download", fail)
    with pytest.raises(
        ConfigError, match=r"cannot be downloaded \(Error downloading: no network\): put train-images"
    ) as e:
        MNIST(str(tmp_path)).prepare_data()
    assert "\n" not in str(e.value)


def test_default_folder_is_the_cache(monkeypatch, root, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (root / "MNIST").rename(tmp_path / "cache" / "MNIST")
    (tmp_path / "cache" / "data").mkdir()
    (tmp_path / "cache" / "MNIST").rename(tmp_path / "cache" / "data" / "MNIST")
    assert len(MNIST().images) == 5


def test_facts_need_no_files(tmp_path):
    facts = MNIST(str(tmp_path)).facts
    assert (facts.image_size, facts.channels, facts.num_classes, facts.num_images) == (28, 1, 10, 60000)
