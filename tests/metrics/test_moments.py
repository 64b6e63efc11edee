import pytest
import torch
from gaussians import correlated, normal
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.metrics.moments import Moments


def moments(*parts, features=5):
    found = Moments(features)
    for part in parts:
        found.update(part)
    return found


def covariance(gaussian):
    return gaussian.covariance if gaussian.factor is None else gaussian.factor.T @ gaussian.factor


def assert_equal(gaussian, features, rtol=1e-10):
    assert gaussian.count == len(features)
    torch.testing.assert_close(gaussian.mean, features.mean(0), rtol=rtol, atol=1e-12)
    torch.testing.assert_close(covariance(gaussian), torch.cov(features.T), rtol=rtol, atol=1e-12)
    assert gaussian.trace().item() == pytest.approx(torch.cov(features.T).trace().item(), rel=rtol)


@pytest.mark.parametrize("count", [2, 4, 5, 6, 7, 500])
def test_mean_and_covariance(count):
    features = correlated(count, 5)
    assert_equal(moments(features).gaussian(), features)


@given(count=st.integers(2, 40), batch_size=st.integers(1, 40))
def test_neither_batch_size_nor_order_matters(count, batch_size):
    features = normal(count, 5)
    assert_equal(moments(*features.split(batch_size)).gaussian(), features)
    assert_equal(moments(*reversed(features.split(batch_size))).gaussian(), features)


@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(lambda counts: sum(counts) > 1))
def test_parts_of_any_size_merge(counts):
    features = normal(sum(counts), 5)
    whole = Moments(5)
    for part in features.split(counts):
        one = moments(part)
        whole.merge(Moments.from_state(one.state()))
    assert whole.count == sum(counts)
    assert_equal(whole.gaussian(), features)


def test_merging_does_not_change_the_other():
    for first in (Moments(5), moments(normal(20, 5))):
        second = moments(normal(20, 5, seed=1))
        expected = covariance(second.gaussian()).clone()
        first.merge(second)
        first.update(normal(20, 5, seed=2))
        assert torch.equal(covariance(second.gaussian()), expected)


def test_it_goes_on_after_a_look_and_after_a_reload():
    features = normal(60, 5)
    found = moments(features[:3])
    found.gaussian()
    found.update(features[3:30])
    found.gaussian()
    found = Moments.from_state(found.state())
    found.update(features[30:])
    assert_equal(found.gaussian(), features)


def test_features_far_from_zero_do_not_cancel():
    features = normal(300, 5)
    gaussian = moments(*(features + 1e7).split(7)).gaussian()
    torch.testing.assert_close(gaussian.covariance, torch.cov(features.T), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("count", [4, 40])
def test_a_constant_feature_has_no_variance_at_all(count):
    features = normal(count, 5)
    features[:, 2] = 0.1
    assert (covariance(moments(*features.split(3)).gaussian())[2] == 0).all()


def test_what_is_given_is_left_alone():
    features = normal(20, 5)
    before = features.clone()
    moments(features).gaussian()
    assert torch.equal(features, before)


def test_memory_does_not_grow_with_the_samples():
    def size(found):
        return sum(value.numel() for value in found.state().values())

    assert size(moments(*normal(1000, 5).split(10))) <= size(moments(*normal(50, 5).split(10))) + 5 * 10


def test_few_samples_keep_their_factor_and_many_do_not():
    assert moments(normal(5, 5)).gaussian().covariance is None
    assert moments(normal(6, 5)).gaussian().factor is None


def test_wrong_features_are_refused():
    with pytest.raises(TypeError, match="must be float64"):
        moments(normal(4, 5).float())
    with pytest.raises(ValueError, match=r"must be \(B, 5\), not \(4, 6\)"):
        moments(normal(4, 6))
    with pytest.raises(ValueError, match="at least 2 samples, not 1"):
        moments(normal(1, 5)).gaussian()
    for count in (4, 40):
        features = normal(count, 5)
        features[1, 1] = float("nan")
        with pytest.raises(ValueError, match="not finite"):
            moments(features).gaussian()
