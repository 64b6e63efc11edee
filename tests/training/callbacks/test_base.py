import pytest
from config_view import problems, warnings

from gan_experiments.training.callbacks.base import LoopPart
from gan_experiments.training.callbacks.checkpoint import Checkpoint
from gan_experiments.training.callbacks.monitor import Monitor
from gan_experiments.training.callbacks.progress import ProgressBar
from gan_experiments.training.callbacks.samples import SampleGrid
from gan_experiments.training.loop import RunLoop


class Own(Monitor):
    """A user's monitor."""


@pytest.mark.parametrize("cls", [Monitor, SampleGrid, Checkpoint, ProgressBar])
def test_every_part_has_a_role_in_the_loop(cls):
    assert issubclass(cls, LoopPart)
    assert getattr(RunLoop(**{cls.role: cls}), cls.role) is cls


def test_a_run_has_one_part_of_each_role():
    config = {"callbacks": {"monitor": {"_target_": Monitor}, "mine": {"_target_": Own}, "own": {"_target_": object}}}
    assert problems(config, "callbacks.monitor") == []
    line = "callbacks.mine: callbacks.monitor is the run's monitor already, and a run has one"
    assert problems(config, "callbacks.mine") == [line]


def test_a_part_may_be_replaced_by_one_of_the_users():
    assert problems({"callbacks": {"monitor": {"_target_": Own}}}, "callbacks.monitor") == []


@pytest.mark.parametrize(("cls", "warned"), [(Checkpoint, True), (SampleGrid, True), (Monitor, False)])
def test_an_interval_that_may_be_meant_in_steps_is_warned_of(cls, warned):
    config = {"batch_size": 64, "callbacks": {"part": {"_target_": cls, "every": 63}}}
    start = "callbacks.part.every: 63 images are less than a batch of 64"
    assert [line.startswith(start) for line in warnings(config, "callbacks.part")] == [True] * warned
    config["callbacks"]["part"]["every"] = 64
    assert warnings(config, "callbacks.part") == []
