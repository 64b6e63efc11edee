import itertools
from types import SimpleNamespace

import pytest
import torch
from backbones import random_backbone

from gan_experiments.core.perceptual import PerceptualEmbedding
from gan_experiments.metrics.diversity import PerceptualDiversity
from gan_experiments.metrics.measure import Evaluated

IMAGES = torch.randint(256, (7, 1, 32, 36), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture
def measure(tmp_path):
    torch.save(random_backbone(), tmp_path / "weights.pth")
    found = PerceptualDiversity(str(tmp_path / "weights.pth"))
    found.prepare(SimpleNamespace(images=IMAGES))
    found.prepare(SimpleNamespace(images=IMAGES))
    return found


def test_it_is_the_mean_over_all_pairs(measure):
    embeddings = PerceptualEmbedding(random_backbone())(IMAGES)
    pairs = [embeddings[list(pair)] for pair in itertools.combinations(range(7), 2)]
    expected = torch.stack([(one - other).square().sum() for one, other in pairs]).mean().item()
    for part in (IMAGES[:2], IMAGES[:0], IMAGES[2:]):
        measure.update(part)
    assert measure.scores() == {"lpips_diversity": pytest.approx(expected, rel=1e-5)}


def test_real_images_are_its_real_baseline(measure):
    measure.update(IMAGES)
    expected = measure.scores()["lpips_diversity"]
    data = SimpleNamespace(images=IMAGES, labels=None)
    measure.update(IMAGES[:3])
    found = [measure.real_baseline(Evaluated(data, *how)) for how in ((100, 3), (5, 3), (5, 2))]
    real = [each["lpips_diversity"].value for each in found]
    assert real[0] == pytest.approx(expected)
    assert real[1] == pytest.approx(real[2])  # random ones, the same in any batches
    assert real[1] != pytest.approx(expected)
    assert measure.count == 0
    assert PerceptualDiversity.has_real_baseline


def test_the_hash_of_the_weights_is_in_the_provenance(measure, tmp_path):
    torch.save(random_backbone(seed=1), tmp_path / "other.pth")
    found = [measure.provenance()]
    for name in ("weights", "other"):
        again = PerceptualDiversity(str(tmp_path / f"{name}.pth"))
        again.prepare(SimpleNamespace(images=IMAGES))
        found.append(again.provenance())
    assert found[0] == found[1] != found[2]
    assert list(found[0]) == ["weights"]


def test_one_image_again_and_again_has_none(measure):
    measure.update(IMAGES[:1].expand(6, -1, -1, -1))
    assert measure.compute().item() == pytest.approx(0, abs=1e-9)
    measure.reset()
    measure.update(IMAGES[:1])
    with pytest.raises(ValueError, match="at least 2 images, not 1"):
        measure.compute()
