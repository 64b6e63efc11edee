"""Our metrics as torchmetrics has them: beside their parent classes, in collections, and over two processes."""

import re
from pathlib import Path

import pytest
import torch
from backbones import random_backbone
from pixels import Pixels, noise, source
from processes import in_two_processes
from torch import nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.functional.image.lpips import _LPIPS
from torchmetrics.image import MultiScaleStructuralSimilarityIndexMeasure, inception
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchmetrics.wrappers import FeatureShare

from gan_experiments.core.images import to_float
from gan_experiments.metrics.authenticity import AuthPct
from gan_experiments.metrics.class_fid import ClassFID
from gan_experiments.metrics.classification_score import ClassificationScore
from gan_experiments.metrics.cmmd import CMMD
from gan_experiments.metrics.diversity import PerceptualDiversity
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.fid_infinity import FIDInfinity
from gan_experiments.metrics.inception_score import InceptionScore
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.known_distribution import KnownDistributionMetric
from gan_experiments.metrics.memorization import Memorization
from gan_experiments.metrics.mind import MIND
from gan_experiments.metrics.path_length import PathLength
from gan_experiments.metrics.prd import PRD
from gan_experiments.metrics.prdc import PRDC
from gan_experiments.metrics.structural_diversity import StructuralDiversity
from gan_experiments.metrics.swd import SWD
from gan_experiments.metrics.vendi import Vendi

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
REAL, FAKE = source().images, source(seed=1, bright=1.2).images[:300]


class FeaturesOnly(nn.Module):
    """An extractor as the parent classes expect one: it returns a tensor."""

    num_features = 4

    def __init__(self):
        super().__init__()
        self.network = Pixels()

    def forward(self, images):
        return self.network(images)[0]


def updated(metric):
    for images, real in ((REAL, True), (FAKE, False)):
        for part in images.split(70):
            metric.update(part, real=real)
    return metric


@pytest.mark.parametrize(
    "metric", [FID, InceptionScore, KID, PRDC, ClassFID, FIDInfinity, Memorization, PerceptualDiversity,
               ClassificationScore, KnownDistributionMetric, CMMD, Vendi, AuthPct, PRD, StructuralDiversity, SWD,
               PathLength, MIND],
)  # fmt: skip
def test_every_measure_is_a_metric_of_torchmetrics(metric):
    parents = {FID: FrechetInceptionDistance, InceptionScore: inception.InceptionScore, KID: KernelInceptionDistance,
               PerceptualDiversity: LearnedPerceptualImagePatchSimilarity,
               StructuralDiversity: MultiScaleStructuralSimilarityIndexMeasure}  # fmt: skip
    assert issubclass(metric, parents.get(metric, Metric))
    assert isinstance(metric(), Metric)


@pytest.mark.parametrize("extractor", [Pixels, FeaturesOnly])
def test_fid_is_that_of_its_parent(extractor):
    ours, theirs = updated(FID(extractor())), updated(FrechetInceptionDistance(FeaturesOnly()))
    assert ours.compute().item() == pytest.approx(theirs.compute().item(), rel=1e-4)
    assert ours.compute().dtype == torch.float64


def test_sums_do_not_cancel_where_features_lie_far_from_zero():
    """The parent sums squares of features: far from zero the distance is lost in their rounding."""

    class Far(FeaturesOnly):
        def forward(self, images):
            return super().forward(images).double() + 1e9

    near, far = updated(FID(FeaturesOnly())).compute().item(), updated(FID(Far())).compute().item()
    assert far == pytest.approx(near, rel=1e-4)
    assert updated(FrechetInceptionDistance(Far())).compute().item() != pytest.approx(near, rel=0.05)


def test_kid_is_that_of_its_parent():
    """Of all images in one subset, so that nothing is random."""
    ours, theirs = KID(Pixels(), 1, 300), KernelInceptionDistance(FeaturesOnly(), 1, 300)
    for metric in (ours, theirs):
        metric.update(REAL[:300], real=True)
        metric.update(FAKE, real=False)
    assert [value.item() for value in ours.compute()] == pytest.approx(
        [each.item() for each in theirs.compute()], rel=1e-3
    )


def test_the_inception_score_is_that_of_its_parent():
    ours, theirs = InceptionScore(Pixels(), splits=1), inception.InceptionScore(FeaturesOnly(), splits=1)
    logits = (FAKE.float() / 40).to(torch.uint8)  # so that no class is certain
    ours.update(REAL, real=True)  # which does not count
    for metric in (ours, theirs):
        metric.update(logits)
    assert ours.compute()[0].item() == pytest.approx(theirs.compute()[0].item(), rel=1e-4)
    assert ours.compute()[0] > 1.1


def test_diversity_is_the_mean_of_its_parent_over_all_pairs(tmp_path, monkeypatch):
    images = torch.randint(256, (4, 3, 32, 36), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    weights = random_backbone()
    torch.save(weights, tmp_path / "weights.pth")
    ours = PerceptualDiversity(str(tmp_path / "weights.pth"))
    ours.update(images, real=True)  # which does not count
    ours.update(images)
    monkeypatch.setattr(torch.nn.init, "normal_", lambda tensor, *_: tensor)
    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", lambda tensor, **_: tensor)
    monkeypatch.setattr(
        "torchmetrics.image.lpip._NoTrainLpips", lambda net: _LPIPS(pretrained=True, net=net, pnet_rand=True)
    )
    theirs = LearnedPerceptualImagePatchSimilarity("alex")
    for number in range(1, 6):
        for name, layer in getattr(theirs.net.net, f"slice{number}").named_children():
            layer.load_state_dict({key: weights[f"features.{name}.{key}"] for key in layer.state_dict()})
    first, second = torch.combinations(torch.arange(4)).T
    theirs.update(to_float(images[first]), to_float(images[second]))
    assert ours.compute().item() == pytest.approx(theirs.compute().item(), rel=1e-4)


def test_reset_may_keep_the_real_images():
    for metric in (FID(Pixels(), reset_real_features=False), KID(Pixels(), 3, 50, reset_real_features=False)):
        expected = updated(metric).scores()
        metric.reset()
        with pytest.raises(ValueError, match="has no generated images"):
            metric.scores()
        metric.update(FAKE, real=False)
        assert metric.scores() == pytest.approx(expected, rel=1e-9)
    metric = updated(FID(Pixels()))
    metric.reset()
    metric.update(FAKE, real=False)
    with pytest.raises(ValueError, match="FID has no real images"):
        metric.compute()
    with pytest.raises(ValueError, match=r"FID needs an extractor: FID\(feature=...\)"):
        FID().update(FAKE, real=False)


def test_a_copy_and_a_state_that_comes_in_add_up():
    whole, first, second = updated(FID(Pixels())), FID(Pixels()), FID(Pixels())
    for metric, part in ((first, slice(0, 100)), (second, slice(100, None))):
        metric.update(REAL[part], real=True)
        metric.update(FAKE[part], real=False)
    assert first.clone().compute() == first.clone().compute()  # torchmetrics keeps what a metric has computed
    first.merge_state(second)
    assert first.compute().item() == pytest.approx(whole.compute().item(), rel=1e-6)
    assert len(first.metric_state["fake_moments"]) == 10  # parts, each the sum of two


@pytest.mark.parametrize("metric", [FID, InceptionScore, PRDC])
def test_they_can_be_plotted(metric):
    _, axes = updated(MetricCollection(metric(Pixels())))[metric.__name__].plot()
    assert axes.has_data()


@pytest.mark.parametrize("collection", [FeatureShare, MetricCollection])
def test_a_collection_gives_the_values_of_each_alone(collection):
    extractor = Pixels()
    made = {
        "fid": FID(extractor),
        "is": InceptionScore(extractor),
        "prdc": PRDC(extractor),
        "kid": KID(extractor, 3, 50),
    }
    found = updated(collection(made)).compute()
    alone = {name: updated(type(each)(Pixels(), **each.provenance())).compute() for name, each in made.items()}
    assert found["fid"].item() == pytest.approx(alone["fid"].item(), rel=1e-9)
    assert found["is"] == alone["is"]
    assert found["kid"] == alone["kid"]
    assert {name: found[name] for name in PRDC.values} == alone["prdc"]
    if collection is FeatureShare:
        assert extractor.extracted == len(REAL) + len(FAKE)  # once each


def test_the_example_in_the_docs():
    (code,) = re.findall(r"```python\n(from torchmetrics\.wrappers.*?)```", DOCS.read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    names = {"encoder": FeaturesOnly(), "real_batches": REAL.split(70), "fake_batches": FAKE.split(70)}
    exec(code, names)
    assert names["values"]["fid"].item() == pytest.approx(updated(FID(Pixels())).compute().item(), rel=1e-9)
    assert names["values"].keys() >= {"fid", "precision", "recall", "kid"}
    assert names["encoder"].network.extracted == len(REAL) + len(FAKE)


def both_ways(images, fakes):
    kinds = FID, PRDC, CMMD, Vendi, AuthPct
    metrics = MetricCollection([InceptionScore(Pixels(), splits=1), *(kind(Pixels()) for kind in kinds)])
    metrics.update(images, real=True)
    metrics.update(fakes, real=False)
    return metrics


LARGE = noise(size=32, count=60)


def of_images(images):
    """Those that are measured without an extractor, in whole batches of a process."""
    measures = SWD(images=40, patches=4, directions=8), StructuralDiversity()
    for measure in measures:
        measure.prepare(LARGE)
        for part in images.split(10):
            measure.update(part)
    return [measure.scores() for measure in measures]


def add_up(rank, alone):
    alone, alone_of_images = alone
    for own in (LARGE.images[rank * 30 :][:30], LARGE.images[: 60 - 60 * rank]):  # the second has none
        for found, expected in zip(of_images(own), alone_of_images, strict=True):
            assert found == pytest.approx(expected, rel=1e-5)
    real, fake = source().images, source(seed=1).images[:301]
    metrics = both_ways(real[rank::2], fake[rank::2])
    for _ in range(2):  # the states of a process come back after each
        for name, value in metrics.compute().items():
            values, expected = (each[0] if isinstance(each, tuple) else each for each in (value, alone[name]))
            torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-9)
        for metric in metrics.values():
            metric._computed = None


def test_states_add_up_over_two_processes(tmp_path):
    alone = both_ways(source().images, source(seed=1).images[:301]).compute()
    in_two_processes(add_up, tmp_path, (alone, of_images(LARGE.images)))
