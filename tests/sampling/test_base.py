import pytest
import torch
from stubs import Echo

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError
from gan_experiments.sampling.base import BATCH, cycle_labels, draw_latents, in_batches, refuse_points, repeat_labels


def test_latents_are_those_of_the_sample_grids_of_a_run():
    assert torch.equal(draw_latents(Echo(), 5, 3), Stream(3, "samples").normal(5, 4))
    assert torch.equal(draw_latents(Echo(), 5, 3), draw_latents(Echo(), 5, 3))
    assert not torch.equal(draw_latents(Echo(), 5, 3), draw_latents(Echo(), 5, 4))


def test_labels_cycle_through_the_classes_and_repeat():
    labels = cycle_labels(Echo(num_classes=3), 5)
    assert labels.tolist() == [0, 1, 2, 0, 1]
    assert repeat_labels(labels[:2], 2).tolist() == [0, 0, 1, 1]
    assert cycle_labels(Echo(), 5) is None
    assert repeat_labels(None, 2) is None


def test_points_are_refused():
    refuse_points(Echo(), "classes")
    with pytest.raises(ConfigError, match=r"output: classes needs images; echo holds points \(try output=grid\)"):
        refuse_points(Echo(image_size=1), "classes")


def test_images_are_made_in_batches_of_one_size_in_their_order():
    generator = Echo(num_classes=3)
    latents, labels = draw_latents(generator, 2 * BATCH + 5, 0), cycle_labels(generator, 2 * BATCH + 5)
    images = in_batches(generator, latents, labels)
    assert [len(part) for part, _ in generator.asked] == [BATCH, BATCH, 5]
    assert torch.equal(images, Echo(num_classes=3)(latents, labels))
    assert torch.equal(in_batches(Echo(), latents, None), Echo()(latents))
