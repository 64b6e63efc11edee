import re

from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.core.clock import Clock, duration, now


@given(st.integers(1, 50), st.integers(1, 400), st.integers(1, 60))
def test_every_multiple_is_met_once_and_the_end_always(batch_size, budget, every):
    clock, due = Clock(batch_size, budget), []
    while not clock.finished:
        clock.advance()
        if clock.due(every):
            due.append(clock.images_seen)
    assert clock.images_seen - budget in range(batch_size)
    crossed = {-(-multiple // batch_size) * batch_size for multiple in range(every, clock.images_seen + 1, every)}
    assert due == sorted(crossed | {clock.images_seen})


def test_steps_count_batches():
    clock = Clock(8, 100, images_seen=16)
    assert clock.step == 2


def test_long_durations_are_in_days():
    assert [duration(seconds) for seconds in (59.6, 3600, 172_799, 172_800, 400_000)] == [
        "1:00", "1:00:00", "47:59:59", "2.0 days", "4.6 days",
    ]  # fmt: skip


def test_the_time_has_seconds_and_says_that_it_is_utc():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", now())
