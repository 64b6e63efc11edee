import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pixels import Pixels, source
from scipy.linalg import sqrtm

from gan_experiments.metrics.evaluate import Evaluator, _share
from gan_experiments.randomness import Stream

DISTRIBUTED = Path(__file__).with_name("evaluate_in_parts.py")


def evaluator(data=None, names=("native",), batch_size=64, seed=0):
    return Evaluator(data or source(), {name: Pixels() for name in names}, seed, batch_size)


def from_tensor(images):
    return lambda start, count: images[start : start + count]


def frechet(first, second):
    """Heusel et al. 2017, equation 6, with scipy's square root of a matrix."""
    first, second = (images.flatten(1).double() for images in (first, second))
    means = (first.mean(0) - second.mean(0)).square().sum()
    covariances = torch.cov(first.T), torch.cov(second.T)
    root = torch.as_tensor(sqrtm((covariances[0] @ covariances[1]).numpy()).real)
    return (means + covariances[0].trace() + covariances[1].trace() - 2 * root.trace()).item()


def test_fid_is_the_distance_of_the_gaussians():
    fakes = source(seed=1, bright=1.3).images
    values = evaluator()(from_tensor(fakes), 300)
    assert values["fid"] == pytest.approx(frechet(source().images, fakes[:300]), rel=1e-6)


def test_fid_of_the_real_images_with_themselves_is_zero():
    data = source()
    assert evaluator(data)(from_tensor(data.images), len(data.images))["fid"] == pytest.approx(0, abs=1e-6)


def test_inception_score_spans_one_to_the_number_of_classes():
    one_kind = torch.full((100, 1, 2, 2), 7, dtype=torch.uint8)
    assert evaluator()(from_tensor(one_kind), 100)["is"] == pytest.approx(1)
    sure = torch.zeros(4000, 1, 2, 2, dtype=torch.uint8).flatten(1)
    sure[torch.arange(4000), torch.arange(4000) % 4] = 255
    assert evaluator()(from_tensor(sure.view(-1, 1, 2, 2)), 4000)["is"] == pytest.approx(4, rel=0.02)


def test_evaluation_repeats_and_leaves_the_ambient_stream_alone():
    fakes, measure = source(seed=1).images, evaluator()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first = measure(from_tensor(fakes), 300)
    assert torch.equal(torch.rand(3), expected)
    assert measure(from_tensor(fakes), 300) == first  # nothing of the first is left in the second
    assert evaluator()(from_tensor(fakes), 300) == first


def test_every_image_is_asked_for_and_extracted_once():
    fakes, data, asked = source(seed=1).images, source(), []

    def sample(start, count):
        asked.append((start, count))
        return fakes[start : start + count]

    extractors = {"native": Pixels(), "other": Pixels()}
    measure = Evaluator(data, extractors, 0, 64)
    measure(sample, 300)
    assert asked == [(0, 64), (64, 64), (128, 64), (192, 64), (256, 44)]
    assert all(extractor.extracted == 300 + len(data.images) for extractor in extractors.values())
    measure(sample, 300)
    assert all(extractor.extracted == 600 + len(data.images) for extractor in extractors.values())


def test_first_extractor_gives_the_plain_names():
    fakes = source(seed=1).images
    values = evaluator(names=("native", "other"))(from_tensor(fakes), 300)
    assert list(values) == ["fid", "is", "fid/other", "is/other"]
    assert values["fid/other"] == values["fid"]


def test_extractor_without_classes_has_no_inception_score():
    measure = Evaluator(source(), {"native": Pixels(logits=False)}, 0, 64)
    assert list(measure(from_tensor(source(seed=1).images), 300)) == ["fid"]


def test_yardstick_is_the_distance_of_disjoint_halves():
    data, measure = source(), evaluator(source())
    assert measure.yardstick() == {}
    measure(from_tensor(source(seed=1).images), 300)
    yardstick = measure.yardstick()["fid"]
    first, second = data.images[Stream(0, "yardstick").permutation(len(data.images))].tensor_split(2)
    assert yardstick == pytest.approx(frechet(first, second), rel=1e-6)


def test_autocast_does_not_reach_the_extractor():
    fakes, plain = source(seed=1).images, evaluator()
    expected = plain(from_tensor(fakes), 300)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert evaluator()(from_tensor(fakes), 300) == expected


def test_passport_is_plain():
    passport = evaluator().passport()
    assert passport["real_images"] == 500
    assert passport["is_splits"] == 10
    assert passport["extractors"]["native"] == {"name": "pixels", "num_features": 4, "weights": "none"}
    assert passport["data"] == "pixels"
    assert set(passport["versions"]) == {"torch", "torchmetrics"}


def test_no_extractor_is_refused():
    with pytest.raises(ValueError, match="an extractor or a measure"):
        Evaluator(source(), {}, 0, 64)


@given(count=st.integers(1, 300), batch_size=st.integers(1, 100), world_size=st.integers(1, 7))
def test_processes_share_the_same_batches(count, batch_size, world_size):
    alone = _share(count, batch_size, 0, 1)
    shared = [batch for rank in range(world_size) for batch in _share(count, batch_size, rank, world_size)]
    assert [batch for batch in shared if batch != (count, count)] == alone
    assert len(alone) == math.ceil(count / batch_size)
    sizes = [len(_share(count, batch_size, rank, world_size)) for rank in range(world_size)]
    assert max(sizes) - min(sizes) <= 1


def test_two_processes_find_what_one_finds(tmp_path):
    """Of 300 images both have a share, of different size; of 40, a single batch, one of them has none."""
    counts = (300, 40)
    subprocess.run([sys.executable, str(DISTRIBUTED), str(tmp_path), *map(str, counts)], check=True, timeout=120)
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    measure, sample = evaluator(), from_tensor(source(seed=1).images)
    expected = [measure(sample, count) for count in counts]
    assert found[0] == found[1]
    assert found[0] == [pytest.approx(values) for values in (*expected, measure.yardstick())]
