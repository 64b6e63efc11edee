import pytest
import torch

from gan_experiments.augment.apa import APA
from gan_experiments.core.contracts import Batch
from gan_experiments.core.randomness import Stream

REAL = Batch(torch.ones(400, 1, 2, 2), torch.zeros(400, dtype=torch.long))
FAKE = Batch(-torch.ones(400, 1, 2, 2), torch.full((400,), 7))


def test_at_probability_0_reals_are_reals_and_at_1_fakes():
    for p, expected in ((0.0, REAL), (1.0, FAKE)):
        shown = APA(p=p).as_real(REAL, FAKE, Stream(0), 0)
        assert torch.equal(shown.images, expected.images)
        assert torch.equal(shown.labels, expected.labels)


def test_each_fake_comes_whole_and_with_its_label():
    shown = APA(p=0.3).as_real(REAL, FAKE, Stream(0), 0)
    chosen = shown.images[:, 0, 0, 0] == -1
    assert chosen.float().mean().item() == pytest.approx(0.3, abs=0.06)
    assert torch.equal(shown.images, torch.where(chosen[:, None, None, None], FAKE.images, REAL.images))
    assert torch.equal(shown.labels, torch.where(chosen, 7, 0))


def test_labels_may_be_missing():
    assert APA(p=1.0).as_real(Batch(REAL.images, None), Batch(FAKE.images, None), Stream(0), 0).labels is None
    shown = APA(p=1.0).as_real(REAL, Batch(FAKE.images, None), Stream(0), 0)
    assert torch.equal(shown.labels, REAL.labels)


def test_each_process_replaces_its_part_of_what_one_would():
    apa = APA(p=0.5)
    whole = apa.as_real(REAL, FAKE, Stream(3), 0)
    parts = []
    for rank in (0, 1):
        part = slice(200 * rank, 200 * (rank + 1))
        real, fake = (Batch(batch.images[part], batch.labels[part]) for batch in (REAL, FAKE))
        parts.append(apa.as_real(real, fake, Stream(3, rank=rank, world_size=2), 0))
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)


def test_images_are_seen_as_they_are():
    assert APA(p=1.0)(REAL.images, Stream(0), 0) is REAL.images
