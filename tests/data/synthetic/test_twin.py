import pytest
import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.synthetic.twin import DigitsTwin


def test_the_twin_is_turned_then_inverted_then_tinted():
    image = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    image[0, :, 0, 1] = 255  # top right: counterclockwise to the top left
    twin = DigitsTwin(rotation=90, invert=True, tint=(1.0, 0.5, 0.0)).twin(image)
    assert twin[0].tolist() == [[[0, 255], [255, 255]], [[0, 128], [128, 128]], [[0, 0], [0, 0]]]


def test_no_digit_is_in_both_domains_and_a_tenth_of_the_inputs_is_left_out():
    data, single = DigitsTwin(rotation=0, invert=False, tint=(1.0, 1.0, 1.0)), Digits()
    data.prepare_data()
    used = Stream("twin", "digits").permutation(1797)[: 2 * 898]
    a, b = data.inputs.of(torch.arange(898)), data.images
    together = sorted(each[:1].numpy().tobytes() for each in torch.cat([a, b]))
    assert together == sorted(each.numpy().tobytes() for each in single.images[used])
    assert 80 <= len(data.inputs.tested) <= 90
    assert not set(data.inputs.tested.tolist()) & set(data.inputs._stored.training.tolist())


def test_the_answer_of_each_input_is_its_twin_and_has_its_label():
    data = DigitsTwin()
    data.prepare_data()
    chosen = data.inputs.tested[:20]
    assert torch.equal(data.inputs.answers_of(chosen), data.twin(data.inputs.of(chosen)))
    images, labels = data.inputs.of(chosen)[:, :1], data.inputs.labels_of(chosen)
    single = Digits()
    for image, label in zip(images, labels, strict=True):
        same = (single.images == image).flatten(1).all(1).nonzero().flatten()
        assert label in single.labels[same]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_domain_b_is_made_of_twins_with_their_labels(rotation):
    data = DigitsTwin(rotation=rotation)
    data.prepare_data()
    back = torch.rot90(255 - data.images[:, :1], -rotation // 90, (-2, -1))  # red is not tinted
    digits = {image.numpy().tobytes() for image in Digits().images}
    assert {each.contiguous().numpy().tobytes() for each in back} <= digits
    assert data.labels.bincount(minlength=10).min() > 70
