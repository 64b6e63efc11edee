import pytest
from torchvision import datasets
from torchvision_files import write_stl10

from gan_experiments.core.checks import ConfigView
from gan_experiments.data.datasets.stl10 import STL10


@pytest.mark.parametrize("size", [48, 32])
def test_smaller_images_of_stl10_are_means_of_blocks(tmp_path, monkeypatch, size):
    images = write_stl10(tmp_path / "stl10_binary", datasets.STL10, monkeypatch)
    data = STL10(str(tmp_path), "unlabeled", size)
    blocks = images.reshape(4, 3, size, 96 // size, size, 96 // size).mean((3, 5))
    assert (data.images.numpy() - blocks).max() <= 0.5
    assert data.labels is None
    assert data.facts.num_classes == 0


@pytest.mark.parametrize(("split", "refused"), [("train", False), ("unlabeled", True), ("train+unlabeled", True)])
def test_classes_are_those_of_the_labelled_split(tmp_path, split, refused):
    assert STL10(str(tmp_path), split).facts.num_classes == 10 * (not refused)
    problems = list(STL10.check("dataset", {"split": split, "per_class": 5}, ConfigView({}, {})))
    assert [problem.key for problem in problems] == ["dataset.per_class"] * refused
