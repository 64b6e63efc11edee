from torchvision import datasets
from torchvision_files import write_cifar

from gan_experiments.data.datasets.cifar import CIFAR10, CIFAR100


def test_class_names_of_cifar100_come_with_the_files(tmp_path, monkeypatch):
    write_cifar(tmp_path / "cifar-100-python", datasets.CIFAR100, monkeypatch)
    data = CIFAR100(str(tmp_path))
    assert data.class_names[7] == "7"
    data.setup()
    assert data.class_names[7] == "class 7"


def test_class_names_of_cifar10_need_no_files(tmp_path):
    assert CIFAR10(str(tmp_path)).class_names[7] == "horse"
