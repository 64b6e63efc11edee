import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.systems.schedule import Schedule


def test_constant():
    assert {Schedule("constant", 0, 0, 100)(images) for images in (0, 50, 1000)} == {1.0}


@pytest.mark.parametrize(("kind", "middle"), [("linear", 0.25), ("cosine", 0.5 - 0.5**1.5)])
def test_a_decay_goes_from_its_start_to_0_at_its_end(kind, middle):
    schedule = Schedule(kind, 0, 100, 200)
    assert schedule(0) == schedule(100) == 1.0
    assert schedule(175) == pytest.approx(middle)
    assert schedule(200) == schedule(300) == pytest.approx(0.0)


@given(st.sampled_from(["constant", "linear", "cosine"]), *[st.integers(0, 1000)] * 4)
def test_a_factor_is_never_outside_0_and_1(kind, warmup, start, end, images_seen):
    assert 0.0 <= Schedule(kind, warmup, start, end)(images_seen) <= 1.0


def test_a_warmup_starts_above_0_and_rises_to_1():
    factors = [Schedule("constant", 50, 0, 100)(images) for images in range(0, 60, 10)]
    assert factors[0] > 0
    assert factors == sorted(factors)
    assert factors[-1] == 1.0
