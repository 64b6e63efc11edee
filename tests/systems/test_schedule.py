import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.systems.schedule import LearningRateSchedule, ValueRamp


def test_constant():
    assert {LearningRateSchedule("constant", 0, 0, 100)(images) for images in (0, 50, 1000)} == {1.0}


@pytest.mark.parametrize(("kind", "middle"), [("linear", 0.25), ("cosine", 0.5 - 0.5**1.5)])
def test_a_decay_goes_from_its_start_to_0_at_its_end(kind, middle):
    schedule = LearningRateSchedule(kind, 0, 100, 200)
    assert schedule(0) == schedule(100) == 1.0
    assert schedule(175) == pytest.approx(middle)
    assert schedule(200) == schedule(300) == pytest.approx(0.0)


def test_a_decay_may_end_above_0():
    """R3GAN's rate: a cosine to a quarter (Huang et al. 2024)."""
    schedule = LearningRateSchedule("cosine", 0, 0, 200, 0.25)
    assert schedule(100) == pytest.approx(0.625)
    assert schedule(200) == schedule(500) == 0.25


@given(st.sampled_from(["linear", "cosine"]), *[st.floats(0, 1e6)] * 2, *[st.integers(0, 1000)] * 3)
def test_a_ramp_goes_from_one_number_to_the_other_and_stays(kind, value, to, start, length, images_seen):
    ramp = ValueRamp(value, to, start + length + 1, start, kind)
    assert ramp(0) == ramp(start) == value
    assert ramp(start + length + 1) == ramp(10_000) == to
    low, high = sorted([value, to])
    assert low * (1 - 1e-12) <= ramp(images_seen) <= high * (1 + 1e-12)


@given(st.sampled_from(["constant", "linear", "cosine"]), *[st.integers(0, 1000)] * 4)
def test_a_factor_is_never_outside_0_and_1(kind, warmup, start, end, images_seen):
    assert 0.0 <= LearningRateSchedule(kind, warmup, start, end)(images_seen) <= 1.0


def test_a_warmup_starts_above_0_and_rises_to_1():
    factors = [LearningRateSchedule("constant", 50, 0, 100)(images) for images in range(0, 60, 10)]
    assert factors[0] > 0
    assert factors == sorted(factors)
    assert factors[-1] == 1.0
