import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from evaluate_in_parts import measures
from hypothesis import given
from hypothesis import strategies as st
from pixels import Pixels, evaluator, from_tensor, source
from scipy.linalg import sqrtm

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.collect import rank_batches
from gan_experiments.metrics.evaluator import Evaluator
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.inception_score import InceptionScore
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.known_distribution import KnownDistributionMetric
from gan_experiments.metrics.memorization import Memorization
from gan_experiments.metrics.prdc import PRDC
from gan_experiments.metrics.uncertainty import real_baseline_splits

DISTRIBUTED = Path(__file__).parents[1] / "helpers" / "evaluate_in_parts.py"


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
    images, data, asked = from_tensor(source(seed=1).images), source(seed=17), []

    def sample(start, count):
        asked.append((start, count))
        return images(start, count)

    measure = evaluator(data, ("native", "other"), measures())
    extractors = measure.extractors
    extractors["other"].weight_hash = "other"
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
    measure = evaluator()
    measure.extractors = {"native": Pixels(logits=False)}
    assert list(measure(from_tensor(source(seed=1).images), 300)) == ["fid"]


def test_real_baseline_is_what_real_images_get_at_the_same_count():
    data = source()
    full = evaluator(data, samples=100).final(from_tensor(source(seed=1).images), 100)
    splits = real_baseline_splits(500, 100)
    expected = [frechet(data.images[split == 1], data.images[split == 0]) for split in splits]
    assert all((split == 1).sum() == 100 for split in splits)
    assert full.real_baseline["fid"] == pytest.approx(sum(expected) / len(expected), rel=1e-6)
    assert full.real_baseline_spread["fid"] == pytest.approx(torch.tensor(expected).std().item(), rel=1e-5)
    assert full.real_baseline["fid"] < full.values["fid"] + full.margins["fid"]


def test_in_full_gives_the_values_of_a_row():
    sample, measure = from_tensor(source(seed=1).images), evaluator(features=measures())
    full = measure.final(sample, 300)
    assert full.values == pytest.approx(measure(sample, 300), rel=1e-9)
    assert full.margins.keys() == {"fid", "is", "precision", "density"}
    assert full.real_baseline.keys() == full.values.keys()


def test_margin_of_error_is_that_of_repeated_sampling():
    """The jackknife's margin at 95 % against the spread of the distance over a hundred sets drawn anew."""
    measure, values, margins = evaluator(features={"fid": FID()}), [], []
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=300, bright=1.2).images), 300)
        values.append(full.values["fid"])
        margins.append(full.margins["fid"])
    true = 2.262 * torch.tensor(values).std().item()
    assert sum(margins) / len(margins) == pytest.approx(true, rel=0.25)


def test_margins_of_means_are_those_of_repeated_sampling():
    """Over a hundred sets of generated images against the same real ones."""
    data, found = source(count=600), []
    data.trained = torch.arange(600) < 300
    measure = evaluator(data, features={"prdc": PRDC(), "memorization": Memorization()})
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=100, bright=1.1).images), 100)
        found.append((full.values, full.margins))
    for name in ("precision", "density", "memorization"):
        true = 1.96 * torch.tensor([values[name] for values, _ in found]).std().item()
        assert sum(margins[name] for _, margins in found) / len(found) == pytest.approx(true, rel=0.25), name


def test_autocast_does_not_reach_the_extractor():
    fakes, plain = source(seed=1).images, evaluator()
    expected = plain(from_tensor(fakes), 300)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert evaluator()(from_tensor(fakes), 300) == expected


def test_extractors_and_measures_compute_in_full_float32(monkeypatch):
    seen = []

    class Looks(Pixels):
        def forward(self, images):
            seen.append(torch.backends.cudnn.allow_tf32)
            return super().forward(images)

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    sample = from_tensor(source(seed=1).images)

    def generated(start, count):
        assert torch.backends.cudnn.allow_tf32  # a generator computes as it is trained
        return sample(start, count)

    measure = evaluator()
    measure.extractors = {"native": Looks()}
    measure(generated, 300)
    assert set(seen) == {False}


def test_provenance_is_plain():
    provenance = evaluator().provenance()
    assert provenance["real_images"] == 500
    assert provenance["features"] == {"fid": {"values": ["fid"]}, "is": {"values": ["is"], "splits": 10}}
    pixels = {"name": "pixels", "num_features": 4, "weights": "none True", "precision": "float32"}
    assert provenance["extractors"]["native"] == pixels
    assert provenance["data"] == source().fingerprint
    assert provenance["versions"]["torch"]
    assert json.loads(json.dumps(provenance)) == provenance


def test_nothing_to_measure_with_is_refused():
    for extractors, features in (({}, {"fid": FID()}), ({"native": Pixels()}, {})):
        with pytest.raises(ConfigError, match="nothing to compute"):
            Evaluator(source(), extractors, 0, 64, features)


def test_two_measures_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two measures have values called precision, recall"):
        evaluator(features={"prdc": PRDC()}, measures={"known_distribution": KnownDistributionMetric()})


@pytest.mark.parametrize(("measure", "needed"), [(KID(), 1000), (PRDC(10), 11), (InceptionScore(), 10), (FID(), 2)])
def test_too_few_images_are_refused_with_the_number_needed(measure, needed):
    measured = evaluator(features={"name": measure})
    measured.check(needed, "metrics.samples")
    told = f"metrics.samples: {needed - 1} generated images are too few for name, which needs {needed}"
    with pytest.raises(ConfigError, match=f"^{told}$"):
        measured.check(needed - 1, "metrics.samples")
    with pytest.raises(ConfigError, match=f"{needed - 1} images in pixels are too few for name, which needs {needed}"):
        evaluator(source(count=needed - 1), features={"name": measure}).prepare()


@pytest.mark.parametrize(
    ("generated", "real", "short"),
    [(4, 500, "4 generated images:"), (5, 4, "4 real images:"), (4, 4, "4 generated images and 4 real images:")],
)
def test_covariances_without_full_rank_are_said_once(caplog, generated, real, short):
    measure, sample = evaluator(source(count=real), features={"fid": FID()}), from_tensor(source(seed=1).images)
    for _ in range(2):
        measure(sample, generated)
    (line,) = caplog.messages
    assert f"rank-deficient covariances, from {short}" in line
    assert line.endswith("; 5 images give full rank")
    evaluator(source(count=4), features={"kid": KID(2, 2)})(sample, 4)
    evaluator(source(count=5), features={"fid": FID()})(sample, 5)
    assert caplog.messages == [line]


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (torch.zeros(20, 3, 2, 2, dtype=torch.uint8), "have 3 channels, those of pixels 1"),
        (torch.zeros(20, 1, 4, 2, dtype=torch.uint8), "have 4 pixels in height, those of pixels 2"),
        (torch.full((20, 1, 2, 2), 1.5), r"are torch.float32 in \[1.5, 1.5\], those of pixels torch.uint8"),
    ],
)
def test_images_of_another_kind_are_refused(images, told):
    with pytest.raises(ConfigError, match=told):
        evaluator()(from_tensor(images), 20)


@given(count=st.integers(1, 300), batch_size=st.integers(1, 100), world_size=st.integers(1, 7))
def test_processes_share_the_same_batches(count, batch_size, world_size):
    alone = rank_batches(count, batch_size, 0, 1)
    shared = [batch for rank in range(world_size) for batch in rank_batches(count, batch_size, rank, world_size)]
    assert [batch for batch in shared if batch != (count, count)] == alone
    assert len(alone) == math.ceil(count / batch_size)
    sizes = [len(rank_batches(count, batch_size, rank, world_size)) for rank in range(world_size)]
    assert max(sizes) - min(sizes) <= 1


def test_two_processes_find_what_one_finds(tmp_path):
    """Of 300 images both have a share, of different size; of 40, a single batch, one of them has none."""
    counts = (300, 40)
    subprocess.run([sys.executable, str(DISTRIBUTED), str(tmp_path), *map(str, counts)], check=True, timeout=120)
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert found[0] == found[1]
    alone, sample = evaluator(source(), features=measures()), from_tensor(source(seed=1).images)
    expected = [*(alone(sample, count) for count in counts), *alone.final(sample, 300), alone(sample, 300)]
    assert found[0] == [pytest.approx(values, rel=1e-6) for values in expected]
    assert len(list((tmp_path / "cache" / "statistics").iterdir())) == 1
