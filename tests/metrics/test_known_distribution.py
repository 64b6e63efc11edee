"""Against answers that are known: the truth itself, a collapsed set, uniform noise."""

import math
from types import SimpleNamespace

import pixels
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from pixels import from_tensor, source

from gan_experiments.config.compose import compose
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.evaluator import Evaluator
from gan_experiments.metrics.known_distribution import KnownDistributionMetric


class Corners:
    """Four modes at the corners of a square; real is what lies within 0.1 of one."""

    num_cells = 4
    weights = None
    centers = torch.tensor([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])

    def assign_modes(self, images):
        distances, nearest = torch.cdist(images.flatten(1), self.centers).min(1)
        return nearest, distances <= 0.1


DATA = SimpleNamespace(
    known_distribution=Corners(),
    images=torch.zeros(1, 2, 1, 1),
    fingerprint="corners",
    labels=None,
    split="all",
    trained=None,
    facts=SimpleNamespace(name="corners"),
)


def measure(points, *more):
    known = KnownDistributionMetric()
    known.prepare(DATA)
    for part in (points, *more):
        known.update(part.view(-1, 2, 1, 1))
    return known.compute()


def test_the_truth_itself():
    assert measure(Corners.centers.repeat(25, 1)) == {
        "precision": 1,
        "recall": 1,
        "modes": 4,
        "modes_published": 4,
        "modes_any": 4,
        "reverse_kl": 0,
        "reverse_kl_high_quality": 0,
    }


def test_a_collapsed_set():
    found = measure(Corners.centers[2].repeat(100, 1))
    assert found == {"precision": 1, "recall": 0.25, "modes": 1, "modes_published": 1, "modes_any": 1} | dict.fromkeys(
        ["reverse_kl", "reverse_kl_high_quality"], pytest.approx(math.log(4))
    )


def test_uniform_noise_covers_no_mode_but_has_a_sample_near_each():
    noise = 2 * torch.rand(100000, 2, generator=torch.Generator().manual_seed(0)) - 1
    found = measure(noise)
    assert found["precision"] == pytest.approx(math.pi * 0.01, abs=0.002)  # four circles of 0.1 in an area of 4
    assert found["recall"] == found["modes"] == 0
    assert found["modes_published"] == 4
    assert found["reverse_kl"] == pytest.approx(0, abs=1e-4)


def test_bad_samples_cover_no_mode_but_count_in_the_divergence():
    points = torch.cat([Corners.centers[:1].repeat(3, 1), torch.tensor([[0.9, 0.9]])])
    found = measure(points)
    assert (found["precision"], found["modes"]) == (0.75, 1)
    assert found["reverse_kl"] == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1))


def test_parts_add_up_and_may_be_empty():
    points = torch.rand(60, 2) - 0.5
    assert measure(points[:20], points[20:20], points[20:]) == measure(points)


def test_a_dataset_without_a_truth_is_refused():
    with pytest.raises(ConfigError, match=r"^metrics.measures: the distribution of pixels is not known$"):
        KnownDistributionMetric().prepare(source())


def evaluate(points, extractors=None, batch_size=64):
    evaluator = Evaluator(
        DATA, extractors or {}, 0, batch_size, measures={"known_distribution": KnownDistributionMetric()}
    )
    return evaluator, lambda: evaluator(from_tensor(points.view(-1, 2, 1, 1)), len(points))


def test_it_goes_through_the_evaluator_by_itself():
    points = torch.rand(200, 2) - 0.5
    evaluator, run = evaluate(points)
    assert evaluator.selection == "reverse_kl"
    assert run() == run() == measure(points)  # nothing is left of the one before
    full = evaluator.final(from_tensor(points.view(-1, 2, 1, 1)), 200)
    share = full["precision"].value
    margins = {name: each.margin for name, each in full.items() if each.margin is not None}
    assert margins == {"precision": pytest.approx(1.96 * math.sqrt(share * (1 - share) / 200))}
    assert {name: each.value for name, each in full.items()} == measure(points)
    real = {name: each.real_baseline for name, each in full.items()}
    assert real == measure(DATA.images)  # as many real images, or all
    described = {
        "values": list(KnownDistributionMetric.values),
        "higher_is_better": {
            "precision": True,
            "recall": True,
            "modes": True,
            "modes_published": True,
            "modes_any": True,
            "reverse_kl": False,
            "reverse_kl_high_quality": False,
        },
    }
    assert evaluator.provenance()["measures"] == {"known_distribution": described}


def test_it_goes_beside_an_extractor():
    real = source()
    real.known_distribution = SimpleNamespace(
        num_cells=2,
        weights=None,
        assign_modes=lambda images: ((images[:, 0, 0, 0] > 80).long(), images[:, 0, 0, 0] > 0),
    )
    evaluator = pixels.evaluator(real, measures={"known_distribution": KnownDistributionMetric()})
    values = evaluator(from_tensor(real.images), 300)
    assert list(values) == ["fid", "is", *KnownDistributionMetric.values]
    assert evaluator.selection == "fid"
    assert values["modes"] == 2


def test_a_run_on_the_ring_is_measured_in_points(fit):
    overrides = ["dataset=ring", "dataset.num_points=1000", "model=mlp", "metrics=known_distribution", "batch_size=64"]
    overrides += ["budget.images=256", "metrics.every=128", "metrics.samples=200", "metrics.final_samples=300"]
    run = fit(config=OmegaConf.to_container(compose("train", overrides), resolve=True))
    record = run.record()
    assert set(record["final"]) == set(KnownDistributionMetric.values)
    assert 0 < record["final"]["reverse_kl"]["value"] <= math.log(8)
    assert record["best"]["images_seen"] in (128, 256)
    with Image.open(sorted(run.samples.iterdir())[-1]) as picture:
        assert picture.size == (256, 256)
