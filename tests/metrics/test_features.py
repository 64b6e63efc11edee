import pytest
import torch
from gaussians import normal
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.class_fid import ClassFID
from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.inception_score import InceptionScore
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.memorization import Memorization
from gan_experiments.metrics.moments import Moments
from gan_experiments.metrics.prdc import PRDC


def test_a_mask_takes_everything_that_is_kept_of_the_images():
    features, chosen = normal(10, 3), torch.arange(10) % 3 == 0
    moments = Moments(3)
    moments.update(features[chosen])
    whole = FeatureSet(Moments(3), features, labels=torch.arange(10), num_classes=10)
    part = whole.take(chosen, moments)
    assert len(part) == 4
    assert torch.equal(part.features, features[chosen])
    assert part.labels.tolist() == [0, 3, 6, 9]
    assert (part.logits, part.trained, part.num_classes) == (None, None, 10)


def test_public_attributes_are_the_options():
    assert PRDC(neighbours=4).provenance() == {"neighbours": 4, "density_neighbours": 5}


def test_margin_of_error_is_that_of_repeated_sampling():
    """The jackknife's margin at 95 % against the spread of the distance over a hundred sets drawn anew."""
    measure, values, margins = evaluator(features={"fid": FID()}), [], []
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=300, bright=1.2).images), 300)
        values.append(full["fid"].value)
        margins.append(full["fid"].margin)
    true = 2.262 * torch.tensor(values).std().item()
    assert sum(margins) / len(margins) == pytest.approx(true, rel=0.25)


def test_margins_of_means_are_those_of_repeated_sampling():
    """Over a hundred sets of generated images against the same real ones."""
    data, found = source(count=600), []
    data.trained = torch.arange(600) < 300
    measure = evaluator(data, features={"prdc": PRDC(), "memorization": Memorization()})
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=100, bright=1.1).images), 100)
        found.append(full)
    for name in ("precision", "density", "memorization"):
        true = 1.96 * torch.tensor([full[name].value for full in found]).std().item()
        assert sum(full[name].margin for full in found) / len(found) == pytest.approx(true, rel=0.25), name


def test_new_draws_get_the_real_baseline_of_every_measure():
    """Fewer and more draws than real images; within three standard deviations of one set, or 6 %."""
    labels = torch.arange(2000) % 3
    data = source(count=600, labels=labels[:600])
    data.trained = torch.arange(600) < 400
    measures = [FID(), InceptionScore(), KID(subsets=9, subset_size=50), PRDC(), Memorization(), ClassFID()]
    measure = evaluator(data, features={type(each).__name__: each for each in measures})
    for count in (120, 2000):
        fakes = [source(seed=1 + seed, count=count).images for seed in range(5)]
        estimates = [measure.final(from_tensor(images, labels), count) for images in fakes]
        for name, first in estimates[0].items():
            values = torch.tensor([each[name].value for each in estimates])
            spread = max(first.real_baseline_spread or 0, values.std().item())
            tolerance = max(3 * spread, 0.06 * abs(first.real_baseline))
            assert values.mean().item() == pytest.approx(first.real_baseline, abs=tolerance), (name, count)


@pytest.mark.parametrize("final", [False, True])
def test_a_value_of_another_name_is_refused(monkeypatch, final):
    monkeypatch.setattr(FID, "compare", lambda *_: {"distance": 1.0})
    measure, images = evaluator(features={"fid": FID()}), from_tensor(source(seed=1, count=100).images)
    with pytest.raises(ConfigError, match=r"metrics: FID.compare returned distance, but its class declares .*'fid'"):
        (measure.final if final else measure)(images, 100)
