"""Published sets that the user fetches: read as their authors packed them, and an error that says what to fetch."""

import numpy as np
import pytest
import torch
from drawn import png, write_archive, write_folder

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.medmnist import MedMNIST
from gan_experiments.data.datasets.published import AFHQ, CUB, FFHQ, LSUN, Facades, Horse2Zebra, ImageNet


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    return tmp_path / "data"


SETS = {
    FFHQ: "github.com/NVlabs/ffhq-dataset",
    AFHQ: "github.com/clovaai/stargan-v2",
    ImageNet: "image-net.org",
    CUB: "vision.caltech.edu",
    LSUN: "github.com/fyu/lsun",
    Facades: "efrosgans.eecs.berkeley.edu/pix2pix/datasets",
    Horse2Zebra: "efrosgans.eecs.berkeley.edu/cyclegan/datasets",
    MedMNIST: "medmnist.com",
}


@pytest.mark.parametrize("kind", SETS, ids=lambda kind: kind.__name__)
def test_what_is_missing_is_named_with_where_to_get_and_put_it(kind, place):
    with pytest.raises(ConfigError) as refusal:
        _ = kind().facts
    (line,) = refusal.value.problems
    assert SETS[kind] in line
    assert str(place) in line


def test_folders_of_ffhq_are_no_classes(place):
    write_folder(place / "ffhq", {f"{number // 2:05}/{number:05}.png": png(number, 16) for number in range(4)})
    data = FFHQ(image_size=8)
    data.setup()
    assert data.labels is None
    assert data.facts.num_classes == 0
    assert data.images.shape == (4, 3, 8, 8)


def test_an_archive_in_the_cache_is_found(place):
    place.mkdir()
    write_archive(
        place / "afhq.zip", {f"afhq/{split}/{kind}/0.png": png() for split in ("train", "val") for kind in "cdw"}
    )
    data = AFHQ(image_size=8)
    data.setup()
    assert data.class_names == ["c", "d", "w"]
    assert len(data.images) == 3


def test_birds_are_beside_other_files(place):
    files = {
        "images/001.Albatross/a.png": png(),
        "images/002.Auklet/a.png": png(1),
        "images.txt": b"1 a",
        "parts/": b"",
    }
    data = CUB(str(write_folder(place / "CUB_200_2011", files)), image_size=8)
    data.setup()
    assert data.labels.tolist() == [0, 1]


def test_pairs_and_domains(place):
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 8:] = 200
    from PIL import Image

    (place / "facades" / "train").mkdir(parents=True)
    Image.fromarray(wide).save(place / "facades" / "train" / "1.png")
    facades = Facades(image_size=8)
    facades.prepare_data()
    assert facades.images.max() == 0
    assert facades.inputs.of(torch.tensor([0])).min() == 200
    write_folder(place / "horse2zebra", {f"train{side}/1.png": png(number) for number, side in enumerate("AB")})
    horses = Horse2Zebra(image_size=8)
    horses.prepare_data()
    assert horses.facts.input_channels is None
    assert horses.images.shape == (1, 3, 8, 8)


@pytest.mark.parametrize(("shape", "findings"), [((6, 28, 28), 1), ((6, 28, 28, 3), 1), ((6, 28, 28), 14)])
def test_medical_images(place, shape, findings):
    (place / "medmnist").mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    labels = (np.arange(6 * findings) % 2).reshape(6, findings).astype(np.uint8)
    np.savez(place / "medmnist" / "bloodmnist.npz", train_images=images, train_labels=labels)
    data = MedMNIST("bloodmnist")
    data.setup()
    assert data.images.shape == (6, 3 if len(shape) == 4 else 1, 28, 28)
    assert np.array_equal(data.images[0, 0].numpy(), images[0] if len(shape) == 3 else images[0, ..., 0])
    assert (data.labels is None) == (findings > 1)
    assert data.facts.num_classes == (2 if findings == 1 else 0)
    with pytest.raises(ConfigError, match=r"bloodmnist_64\.npz of"):
        _ = MedMNIST("bloodmnist", image_size=64).facts
    with pytest.raises(ConfigError, match="cannot be read"):
        _ = MedMNIST("bloodmnist", split="test").facts
