import pytest
import torch
from drawn import png
from torchvision import datasets

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.celeba import CelebA


def write(root):
    folder = root / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for number in range(6):
        (folder / f"{number:06}.jpg").write_bytes(png(number, 16))
    lines = [f"{number:06}.jpg {split}\n" for number, split in enumerate((0, 0, 0, 1, 2, 2))]
    (root / "celeba" / "list_eval_partition.txt").write_text("".join(lines))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(("split", "count"), [("train", 3), ("valid", 1), ("test", 2), ("all", 6)])
def test_the_images_of_a_split_are_read(tmp_path, split, count):
    write(tmp_path)
    data = CelebA(str(tmp_path), split, image_size=8)
    data.prepare_data()
    assert data.images.shape == (count, 3, 8, 8)
    assert data.labels is None
    everything = CelebA(str(tmp_path), "all", image_size=8).images
    assert all(any(torch.equal(image, other) for other in everything) for image in data.images)


def test_facts_need_no_files(tmp_path):
    facts = CelebA(str(tmp_path)).facts
    assert (facts.image_size, facts.channels, facts.num_classes, facts.num_images) == (64, 3, 0, 162770)


def test_missing_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"^dataset: celeba is missing or damaged: put img_.* into .*celeba$"):
        CelebA(str(tmp_path)).setup()

    def refuse(_):
        raise ModuleNotFoundError("no gdown")

    monkeypatch.setattr(datasets.CelebA, "download", refuse)
    with pytest.raises(ConfigError, match=r"celeba cannot be downloaded \(no gdown\): put img_align_celeba"):
        CelebA(str(tmp_path)).prepare_data()


@pytest.mark.parametrize("content", [b"000000.jpg\n", b"\xff\xfe"])
def test_a_damaged_partition_is_named(tmp_path, content):
    write(tmp_path)
    (tmp_path / "celeba" / "list_eval_partition.txt").write_bytes(content)
    with pytest.raises(ConfigError, match="celeba is missing or damaged: put img_align_celeba"):
        CelebA(str(tmp_path), image_size=8).setup()
