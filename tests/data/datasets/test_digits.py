import torch
from sklearn.datasets import load_digits

from gan_experiments.data.datasets.digits import Digits


def test_facts_are_true():
    data = Digits()
    assert data.images.shape == (
        data.facts.num_images,
        data.facts.channels,
        data.facts.image_size,
        data.facts.image_size,
    )
    assert data.images.dtype == torch.uint8
    assert data.labels.dtype == torch.int64
    assert data.labels.unique().tolist() == list(range(data.facts.num_classes))


def test_grey_levels_are_scaled_to_the_range_of_uint8():
    levels = Digits().images.unique()
    assert len(levels) == 17
    assert (levels[0], levels[-1]) == (0, 255)
    back = (Digits().images.double() * 16 / 255).round()
    assert torch.equal(back.squeeze(1), torch.from_numpy(load_digits().images))
