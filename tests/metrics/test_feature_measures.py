"""Measures in feature space as components: what they ask for, and that they do what their functions do."""

import pytest
import torch
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.class_fid import ClassFID
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.fid_infinity import FIDInfinity
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.memorization import Memorization
from gan_experiments.metrics.prdc import PRDC

LABELS = torch.arange(500) % 3


def test_fid_of_each_class_tells_swapped_labels():
    data = source(labels=LABELS)
    data.images[LABELS == 1] += 40
    measure = evaluator(data, features={"fid": FID(), "class_fid": ClassFID()})
    right = measure(from_tensor(data.images, LABELS), 500)
    assert right == pytest.approx({"fid": 0, "class_fid": 0, "class_fid_worst": 0}, abs=1e-6)
    swapped = measure(from_tensor(data.images, (LABELS + 1) % 3), 500)
    assert swapped["fid"] == pytest.approx(0, abs=1e-6)
    assert swapped["class_fid_worst"] >= swapped["class_fid"] > 100
    with pytest.raises(ConfigError, match="59 generated images are too few for class_fid, which needs 60"):
        measure.check(59, "metrics.samples")


def test_infinity_is_only_for_an_evaluation_in_full():
    measure = evaluator(features={"fid": FID(), "fid_infinity": FIDInfinity()})
    sample = from_tensor(source(seed=1, count=500).images)
    assert measure(sample, 300).keys() == {"fid"}
    full = measure.final(sample, 300)
    assert full.values["fid_infinity"] < full.values["fid"]
    with pytest.raises(ConfigError, match="15 generated images are too few for fid_infinity, which needs 16"):
        measure.check(15, "metrics.final_samples")
    measure.check(15, "metrics.samples", final=False)


def test_copies_of_training_images_are_told_from_new_ones():
    data = source(count=1000)
    with pytest.raises(ConfigError, match="not trained on: leave some out"):
        evaluator(data, features={"memorization": Memorization()}).prepare()
    data.trained = torch.arange(1000) < 500
    measure = evaluator(data, features={"memorization": Memorization()})
    copied = measure(from_tensor(data.images[:500]), 500)
    new = measure(from_tensor(source(seed=7).images), 500)
    assert copied["memorization"] > 0.95
    assert copied["memorization_z"] < -3
    assert new["memorization"] == pytest.approx(0.5, abs=0.06)
    assert measure.final(from_tensor(data.images), 100).real_baseline == {}


def test_options_are_in_the_provenance():
    measure = evaluator(features={"kid": KID(5, 20), "prdc": PRDC(4)})
    assert measure.provenance()["features"] == {
        "kid": {"values": ["kid", "kid_spread"], "subsets": 5, "subset_size": 20},
        "prdc": {"values": list(PRDC.values), "neighbours": 4, "density_neighbours": 5},
    }
    assert measure.selection == "kid"
    with pytest.raises(ConfigError, match="none of the measures can choose the best checkpoint; add fid"):
        _ = evaluator(features={"prdc": PRDC()}).selection


def test_a_set_with_itself():
    data = source()
    values = evaluator(data, features={"fid": FID(), "kid": KID(5, 100), "prdc": PRDC()})(from_tensor(data.images), 500)
    assert values["fid"] == pytest.approx(0, abs=1e-6)
    assert abs(values["kid"]) < 3 * values["kid_spread"]
    assert (values["precision"], values["recall"], values["coverage"]) == (1, 1, 1)
    assert values["density"] == pytest.approx(1, abs=0.05)
