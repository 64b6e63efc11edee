from config_view import problems

from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.synthetic.points import Ring
from gan_experiments.metrics.diversity import PerceptualDiversity
from gan_experiments.metrics.known_distribution import KnownDistributionMetric


def beside(dataset, measure):
    return {"dataset": {"_target_": dataset}, "metrics": {"measures": {"it": {"_target_": measure}}}}


def test_a_distribution_that_is_not_known_is_refused():
    (line,) = problems(beside(Digits, KnownDistributionMetric), "metrics.measures.it")
    assert line.startswith("metrics.measures.it: the distribution of Digits is not known; take a synthetic dataset")
    assert problems(beside(Ring, KnownDistributionMetric), "metrics.measures.it") == []
    assert problems(beside(Digits, PerceptualDiversity), "metrics.measures.it") == []
