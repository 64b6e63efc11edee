import itertools
import signal
import time

import pytest
from omegaconf import OmegaConf
from tiny import tiny_overrides

from gan_experiments.config.compose import compose
from gan_experiments.core.types import ConfigError
from gan_experiments.training import memory, speed
from gan_experiments.training.speed import TooSlowError, images_per_second


def config(*overrides):
    return OmegaConf.to_container(compose("train", tiny_overrides(*overrides)), resolve=True)


def test_a_speed_is_that_of_some_steps_after_the_warm_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ticks = itertools.count(0, 0.5)  # a step takes half a second
    assert images_per_second(config("budget.images=800000"), lambda: next(ticks)) == pytest.approx(16)
    assert next(ticks) < 50_000 / 2  # of 100,000 steps
    assert not list(tmp_path.iterdir())  # nothing is left behind


@pytest.mark.parametrize(("step", "steps"), [(6.0, 1), (4.0, 2), (0.9, 11)])
def test_no_step_is_taken_that_would_not_end_in_time(monkeypatch, step, steps):
    monkeypatch.setattr("gan_experiments.training.loop.LONGEST", 0.0)  # to return from every step, as from slow ones
    ticks = itertools.count(0, step)
    assert images_per_second(config("budget.images=800000"), lambda: next(ticks)) == pytest.approx(8 / step)
    assert next(ticks) == pytest.approx(step * (steps + 1))


def test_a_step_that_does_not_end_is_given_up(monkeypatch):
    before = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(speed._Stopwatch, "advance", lambda self: time.sleep(60))
    with pytest.raises(TooSlowError):
        images_per_second(config(), patience=0.2)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_steps_before_one_that_is_given_up_count(monkeypatch):
    advance, ticks = speed._Stopwatch.advance, itertools.count(0, 0.5)

    def slow(self):
        if self.step == 3:
            time.sleep(60)
        advance(self)

    monkeypatch.setattr(speed._Stopwatch, "advance", slow)
    assert images_per_second(config(), lambda: next(ticks), patience=1.0) == pytest.approx(16)


def test_what_does_not_fit_into_memory_takes_no_step(monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda: 2**20)
    monkeypatch.setattr(speed._Stopwatch, "advance", lambda self: pytest.fail("a step was taken"))
    with pytest.raises(ConfigError, match="training needs at least"):
        images_per_second(config())


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ConfigError, match="batch_size"):
        images_per_second(config("batch_size=5000"))
