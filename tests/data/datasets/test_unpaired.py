import zipfile

import numpy as np
import pytest
import torch
from config_view import problems
from PIL import Image

from gan_experiments.config.compose import compose
from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.datasets.mnist import MNIST
from gan_experiments.data.datasets.unpaired import TwoClasses, Unpaired
from gan_experiments.systems.gan import GAN


def write(folder, names, size=(10, 8), level=0):
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        Image.fromarray(np.full((size[1], size[0], 3), level + index, np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def domains(tmp_path):
    a = write(tmp_path / "a", ["1.png", "2.png", "3.png"])
    b = write(tmp_path / "b", ["x.png", "y.png"], level=100)
    return a, b


def test_each_domain_has_a_folder(domains):
    data = Unpaired(*map(str, domains), channels_a=1)
    data.prepare_data()
    assert data.images.shape == (2, 3, 8, 8)
    assert data.inputs.of(torch.arange(3)).shape == (3, 1, 8, 8)
    assert data.inputs.of(torch.arange(3))[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert data.inputs.facts.input_channels == 1
    assert data.inputs.answers_of(torch.arange(3)) is None
    assert data.facts.name == "a_to_b"
    assert len(data.inputs.tested) == 3
    assert data.about_files()["A: in files"] == ["10x8 3"]


def test_a_domain_can_be_an_archive(domains, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for path in sorted(domains[1].iterdir()):
            archive.write(path, path.name)
    data = Unpaired(str(domains[0]), str(tmp_path / "b.zip"))
    data.prepare_data()
    assert data.images[:, 0, 0, 0].tolist() == [100, 101]


def test_unreadable_files_of_both_domains_are_counted(domains):
    for folder, count in zip(domains, (2, 1), strict=True):
        for index in range(count):
            (folder / f"z{index}.png").write_bytes(b"not an image")
    data = Unpaired(*map(str, domains))
    data.prepare_data()
    assert data.provenance()["skipped"] == 3
    assert data.provenance()["num_images"] == 2


def test_an_empty_domain_is_refused(domains, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"dataset.root_a: there are no images in .*empty"):
        Unpaired(str(tmp_path / "empty"), str(domains[1])).prepare_data()
    with pytest.raises(ConfigError, match=r"dataset.root_b: there is no folder .*absent"):
        Unpaired(str(domains[0]), str(tmp_path / "absent"))


def test_other_images_have_another_provenance(domains):
    first = Unpaired(*map(str, domains)).provenance()
    write(domains[0], ["1.png"], level=9)
    second = Unpaired(*map(str, domains)).provenance()
    assert first["fingerprint"] != second["fingerprint"]
    write(domains[0], ["1.png"])
    assert Unpaired(*map(str, domains)).provenance()["fingerprint"] == first["fingerprint"]


@pytest.mark.parametrize("name", ["3", 3])
def test_two_classes_are_two_domains(name):
    data = TwoClasses(Digits(), name, "5")
    data.prepare_data()
    digits = Digits()
    assert torch.equal(data.images, digits.images[digits.labels == 5])
    threes = digits.images[digits.labels == 3]
    assert torch.equal(data.inputs.of(torch.arange(len(threes))), threes)
    assert data.facts.name == "digits_3_to_5"


def test_the_dataset_that_has_the_classes_is_chosen_like_any_other():
    config = compose(
        "train", ["dataset=two_classes", "dataset@dataset.of=mnist", "dataset.class_a=3", "dataset.class_b=5"]
    )
    assert config.dataset.of._target_ == f"{MNIST.__module__}.{MNIST.__name__}"


def test_a_class_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match=r"dataset.class_b: no class 'cat'.*0, 1"):
        TwoClasses(Digits(), "3", "cat").prepare_data()


def test_a_class_is_not_turned_into_itself_nor_generated_from_noise():
    config = {"dataset": {"_target_": TwoClasses, "class_a": "1", "class_b": "1"}, "model": {"_target_": GAN}}
    assert problems(config, "dataset") == ["dataset.class_b: is the same class as class_a"]
    assert any("GAN generates images from noise and would ignore" in line for line in problems(config, "model"))
    with pytest.raises(ConfigError, match="class_b: is the same class as class_a"):
        TwoClasses(Digits(), "3", 3).prepare_data()
