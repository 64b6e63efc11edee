import torch
from torchvision import datasets
from torchvision_files import write_svhn

from gan_experiments.data.datasets.svhn import SVHN


def test_the_label_is_the_digit(tmp_path, monkeypatch):
    images = write_svhn(tmp_path, datasets.SVHN, monkeypatch)
    data = SVHN(str(tmp_path))
    assert torch.equal(data.images, torch.from_numpy(images))
    assert data.labels.tolist() == [3, 1, 4, 0]  # the files number the digit 0 as 10
