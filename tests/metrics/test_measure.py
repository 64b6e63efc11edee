import re
from types import SimpleNamespace

import pytest
import torch
from config_view import problems

from gan_experiments.core.step import Batch
from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.synthetic.points import Ring
from gan_experiments.metrics.diversity import PerceptualDiversity
from gan_experiments.metrics.known_distribution import KnownDistributionMetric
from gan_experiments.metrics.measure import Evaluated, Measure, update_measure


def beside(dataset, measure):
    return {"dataset": {"_target_": dataset}, "metrics": {"measures": {"it": {"_target_": measure}}}}


def test_a_distribution_that_is_not_known_is_refused():
    (line,) = problems(beside(Digits, KnownDistributionMetric), "metrics.measures.it")
    assert line.startswith("metrics.measures.it: the distribution of Digits is not known; take a synthetic dataset")
    assert problems(beside(Ring, KnownDistributionMetric), "metrics.measures.it") == []
    assert problems(beside(Digits, PerceptualDiversity), "metrics.measures.it") == []


class Mean(Measure):
    values = ("mean",)
    has_real_baseline = True

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale
        self.add_state("sum", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, images, real=False, labels=None):
        self.tf32 = torch.backends.cudnn.allow_tf32
        self.sum += self.scale * images.float().sum()
        self.count += len(images)

    def compute(self):
        return {"mean": (self.sum / self.count).item()}


DATA = SimpleNamespace(images=torch.arange(10).view(10, 1, 1, 1), labels=None)


def test_options_are_in_the_provenance():
    assert Mean(2.0).provenance() == {"scale": 2.0}


def test_measures_are_updated_in_full_float32(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    measures = [Mean(), Mean(2.0)]
    for measure in measures:
        update_measure(measure, Batch(DATA.images, None))
    assert [measure.compute() for measure in measures] == [{"mean": 4.5}, {"mean": 9.0}]
    assert not any(measure.tf32 for measure in measures)
    assert torch.backends.cudnn.allow_tf32


def test_values_of_real_images_leave_the_measure_empty():
    measure = Mean()
    update_measure(measure, Batch(DATA.images[:3], None))
    assert measure.real_baseline(Evaluated(DATA, 100, 4)) == {"mean": (4.5, None)}
    assert measure.count == 0
    some = [measure.real_baseline(Evaluated(DATA, 4, batch_size)) for batch_size in (1, 3)]
    assert some[0] == some[1] != {"mean": (4.5, None)}


@pytest.mark.parametrize(
    ("computed", "made"),
    [
        ((1.0, 2.0), "2 values, but its class declares values = ('mean',)"),
        ((), "0 values, but"),
        ({"mean": 1.0, "median": 2.0}, "mean, median, but its class declares values = ('mean',)"),
        ({"median": 2.0}, "median, but its class declares values = ('mean',)"),
        (torch.ones(2), "{'mean': tensor([1., 1.])}, not a number for each of its values"),
        (None, "{'mean': None}, not a number"),
    ],
)
def test_values_that_a_measure_does_not_declare_are_refused(monkeypatch, computed, made):
    measure = Mean()
    monkeypatch.setattr(measure, "compute", lambda: computed)
    with pytest.raises(ConfigError, match=re.escape(f"metrics: Mean.compute returned {made}")):
        measure.scores()


@pytest.mark.parametrize("computed", [{}, {"mean": 1}, torch.tensor(1.0), (1.0,)])
def test_a_mapping_may_leave_values_out(monkeypatch, computed):
    measure = Mean()
    monkeypatch.setattr(measure, "compute", lambda: computed)
    assert measure.scores() == ({} if computed == {} else {"mean": 1.0})
