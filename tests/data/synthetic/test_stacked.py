import pytest
import torch

from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.synthetic.stacked import NearestDigit, StackedDigits, StackedMNIST

DATA = StackedDigits(num_images=20000)
DIGITS = Digits()


def test_each_channel_is_a_digit_of_the_number():
    pairs = zip(DIGITS.images, DIGITS.labels, strict=True)
    singles = {tuple(image.flatten().tolist()): label.item() for image, label in pairs}
    for image, label in zip(DATA.images[:200], DATA.labels[:200], strict=True):
        digits = [singles[tuple(channel.flatten().tolist())] for channel in image]
        assert "".join(map(str, digits)) == DATA.class_names[label]


def test_numbers_are_equally_probable_and_digits_all_different():
    counts = DATA.labels.bincount(minlength=1000)
    assert counts.float().var() == pytest.approx(20, rel=0.2)  # of a Poisson distribution: its mean
    assert len(DATA.images[:, 0].flatten(1).unique(dim=0)) > 1700


def test_real_images_are_assigned_their_number():
    images, labels = DATA.images[:1000], DATA.labels[:1000]  # the distribution is known once these are read
    cells, real = DATA.known_distribution.assign_modes(images)
    assert torch.equal(cells, labels)
    assert real.all()


def test_unseen_digits_are_classified_and_noise_is_not_real():
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    images, labels = DIGITS.images[order], DIGITS.labels[order]
    distribution = NearestDigit(images[:1500], labels[:1500])
    cells, real = distribution.assign_modes(images[1500:].expand(-1, 3, -1, -1))
    assert (cells == 111 * labels[1500:]).float().mean() > 0.95
    assert real.float().mean() > 0.95
    noise = torch.randint(256, (100, 3, 8, 8), dtype=torch.uint8)
    assert not distribution.assign_modes(noise)[1].any()


def test_an_image_with_one_bad_channel_is_not_real():
    images = DATA.images[:50].clone()
    images[:, 2] = torch.randint(256, (50, 8, 8), dtype=torch.uint8)
    assert not DATA.known_distribution.assign_modes(images)[1].any()


def test_facts_of_stacked_mnist_need_no_files(tmp_path):
    facts = StackedMNIST(str(tmp_path)).facts
    assert (facts.name, facts.image_size, facts.channels, facts.num_classes) == ("stacked_mnist", 28, 3, 1000)
