import itertools

import pytest
from omegaconf import OmegaConf
from tiny import tiny_overrides

from gan_experiments.config.compose import compose
from gan_experiments.core.types import ConfigError
from gan_experiments.training.speed import images_per_second


def config(*overrides):
    return OmegaConf.to_container(compose("train", tiny_overrides(*overrides)), resolve=True)


def test_a_speed_is_that_of_some_steps_after_the_warm_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ticks = itertools.count(0, 0.5)  # a step takes half a second
    assert images_per_second(config("budget.images=800000"), lambda: next(ticks)) == pytest.approx(16)
    assert next(ticks) < 50_000 / 2  # of 100,000 steps
    assert not list(tmp_path.iterdir())  # nothing is left behind


def test_a_slow_run_ends_after_seconds():
    ticks = itertools.count(0, 6.0)
    assert images_per_second(config("budget.images=800000"), lambda: next(ticks)) == pytest.approx(8 / 6)
    assert next(ticks) < 50_000 * 6


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ConfigError, match="batch_size"):
        images_per_second(config("batch_size=5000"))
