import weakref

import torch
from stubs import CELL, Echo, cells, real

from gan_experiments.core.images import to_float, to_uint8
from gan_experiments.metrics.extractors.base import Extractor
from gan_experiments.sampling import neighbours
from gan_experiments.sampling.neighbours import Neighbours


class Pixels(Extractor):
    name, num_features, weight_hash = "pixels", 4, "none"

    def prepare(self, data):
        self.prepared = True

    def forward(self, images):
        assert self.prepared
        return images.flatten(1).float(), None


class Parrot(Echo):
    """Repeats real images."""

    def forward(self, latents, labels=None):
        return to_float(real().images[[7, 3]])


def test_the_nearest_real_images_stand_beside_each_sample():
    data, generator = real(), Echo()
    sheet = Neighbours(Pixels(), count=3, neighbours=4)(generator, data, 5)
    samples = to_uint8(generator.asked[0][0].div(4).tanh())
    assert torch.equal(cells(sheet, 1)[:, 0].flatten(1), samples)
    shown = cells(sheet[:, :, CELL + 2 + 6 :], 4).flatten(2)
    for sample, row in zip(samples, shown, strict=True):
        order = (data.images.flatten(1).float() - sample.float()).norm(dim=1).argsort()
        assert torch.equal(row, data.images.flatten(1)[order[:4]])


def test_features_of_few_real_images_are_held_at_once(monkeypatch):
    whole = Neighbours(Pixels(), count=1, neighbours=4)(Echo(), real(), 5)
    monkeypatch.setattr(neighbours, "_BATCH", 2)
    held = []

    class Counted(Pixels):
        def forward(self, images):
            features = super().forward(images)[0].double()
            held.append(weakref.ref(features))
            assert sum(each() is not None for each in held) <= 3  # with those of the sample and of the part before
            return features, None

    assert torch.equal(Neighbours(Counted(), count=1, neighbours=4)(Echo(), real(), 5), whole)
    assert len(held) > 4


def test_what_was_learned_by_heart_is_found():
    sheet = Neighbours(Pixels(), count=2, neighbours=1)(Parrot(), real(), 0)
    assert torch.equal(cells(sheet, 1), cells(sheet[:, :, CELL + 2 + 6 :], 1))


def test_one_sample_stands_beside_several_images():
    sheet = Neighbours(Pixels(), count=1, neighbours=3)(Echo(), real(), 0)
    assert sheet.shape == (3, CELL + 2, CELL + 2 + 6 + 3 * CELL + 2)


def test_there_are_no_more_neighbours_than_images():
    sheet = Neighbours(Pixels(), count=2, neighbours=9)(Echo(), real(3), 0)
    assert sheet.shape[2] == CELL + 2 + 6 + 3 * CELL + 2
