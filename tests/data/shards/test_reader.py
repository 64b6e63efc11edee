"""Images are decoded by threads; damaged ones are replaced."""

import pytest
import torch
from batches import first_batches
from drawn import number_of, png, write_shards

from gan_experiments.core.types import ConfigError
from gan_experiments.data.shards.dataset import Shards

CUT = {"0007.png": png(7, 64)[:-2000], "0007.cls": b"1"}  # its first bytes are those of an image


def joined(batches):
    return torch.cat([batch.images for batch in batches]), [int(label) for batch in batches for label in batch.labels]


def test_the_number_of_threads_changes_nothing(urls):
    expected, labels = joined(first_batches(Shards(urls, workers=1), 7))
    for workers in (2, 5, 40):
        found, same = joined(first_batches(Shards(urls, workers=workers), 7))
        assert torch.equal(found, expected)
        assert same == labels


def test_a_truncated_image_is_replaced_by_the_next(tmp_path, capsys):
    urls = write_shards(tmp_path, change={7: CUT})
    data = Shards(urls, image_size=8, reference_images=1)
    images, labels = joined(first_batches(data, 5))
    numbers = [number_of(image) for image in images]
    assert sorted(numbers) == sorted([*range(7), 8, *range(8, 60)])
    assert labels == [number % 3 for number in numbers]
    assert capsys.readouterr().err.count("0007.png cannot be read (") == 1
    again, _ = joined(first_batches(Shards(urls, image_size=8, reference_images=1, workers=3), 3, start=24))
    assert torch.equal(again, images[24:])


def test_too_many_truncated_images_end_the_run(tmp_path):
    change = {number: {f"{number:04}.png": CUT["0007.png"], f"{number:04}.cls": b"0"} for number in (7, 8)}
    data = Shards(write_shards(tmp_path, change=change), image_size=8, reference_images=1, max_bad=1)
    with pytest.raises(ConfigError, match="more than max_bad=1 of 60 images"):
        joined(first_batches(data, 5))


def test_images_of_a_shard_that_vanishes_are_replaced(tmp_path, capsys):
    data = Shards(write_shards(tmp_path, images=4), reference_images=1)
    data.setup()
    (tmp_path / "train-0002.tar").unlink()
    images, _ = joined(first_batches(data, 4))
    assert set(map(number_of, images)) == {*range(8), *range(12, 16)}
    assert "train-0002.tar: image 8 cannot be read (" in capsys.readouterr().err
