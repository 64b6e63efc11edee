import math
import os
import signal

import pytest
import pytorch_lightning as pl
from omegaconf import OmegaConf
from pytorch_lightning.loggers.logger import DummyLogger
from same_run import assert_same, assert_same_run, rows
from tiny import tiny_overrides

from gan_experiments.config.compose import compose
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import System
from gan_experiments.systems.gan import GAN
from gan_experiments.training import build as building
from gan_experiments.training import loop as looping
from gan_experiments.training.callbacks.checkpoint import Checkpoint
from gan_experiments.training.callbacks.evaluation import Evaluation, Measured
from gan_experiments.training.callbacks.monitor import Monitor
from gan_experiments.training.callbacks.progress import ProgressBar
from gan_experiments.training.callbacks.samples import SampleGrid
from gan_experiments.training.callbacks.stop import Stop
from gan_experiments.training.train import train


class Counting(pl.Callback):
    """A user's callback with a state and an interest in the latest values."""

    def __init__(self, run):
        self.steps, self.seen, self.images = 0, [], 0.0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.steps += 1
        self.images += batch.images.double().mean().item()
        assert outputs == {}
        loop = trainer.callbacks[0]
        self.seen.append({name: loop.latest.get(name) for name in ("loss/generator", "metrics/fid")})

    def state_dict(self):
        return {"steps": self.steps, "images": self.images}

    def load_state_dict(self, state_dict):
        self.steps, self.images = state_dict["steps"], state_dict["images"]


@pytest.fixture
def counting(tiny):
    """Compose a config with a callback of the user's."""

    def make(*overrides):
        config = tiny(*overrides)
        config["callbacks"]["counting"] = {"_target_": f"{__name__}.Counting"}
        return config

    return make


def test_the_order_of_a_step(counting, tmp_path, monkeypatch):
    calls = []

    def spy(cls, name):
        method = getattr(cls, name)

        def called(self, *args, **kwargs):
            calls.append(cls)
            return method(self, *args, **kwargs)

        monkeypatch.setattr(cls, name, called)

    parts = ((Monitor, "read"), (Evaluation, "measure"), (SampleGrid, "draw"), (Counting, "on_train_batch_end"))
    for cls, name in (*parts, (Checkpoint, "save"), (ProgressBar, "update"), (Stop, "requested")):
        spy(cls, name)
    overrides = ("callbacks.monitor.every=8", "metrics.every=8", "callbacks.samples.every=8")
    train(counting(*overrides, "callbacks.checkpoint.every=8", "budget.images=16"), RunFolder(tmp_path))
    step = [Monitor, Evaluation, SampleGrid, Counting, Checkpoint, ProgressBar]
    assert calls == [SampleGrid, *step, Stop, *step]  # the last step ends the run by itself


def test_a_callback_of_the_users_sees_the_values_of_its_step_and_is_saved_with_it(counting, tmp_path):
    run = RunFolder(tmp_path)
    parts = building.build(counting("budget.images=32", "callbacks.monitor.every=8"), run)
    parts.trainer.fit(parts.system, datamodule=parts.data)
    user = parts.trainer.callbacks[1]
    assert all(values["loss/generator"] is not None for values in user.seen)
    assert [values["metrics/fid"] is not None for values in user.seen] == [False, False, False, True]
    states = load_checkpoint(run.checkpoint("last"))["callbacks"]
    assert states["Counting"]["steps"] == 4
    assert states["RunLoop"].keys() == {"monitor", "evaluation", "failures"}
    assert states["RunLoop"]["evaluation"]["best"]["images_seen"] == 32


def test_a_run_that_a_callback_of_the_users_ends_is_saved_where_it_ends(counting, tmp_path, monkeypatch):
    count = Counting.on_train_batch_end

    def count_to_three(self, trainer, *arguments):
        count(self, trainer, *arguments)
        trainer.should_stop = self.steps == 3

    monkeypatch.setattr(Counting, "on_train_batch_end", count_to_three)
    run = RunFolder(tmp_path)
    train(counting("metrics=none", "callbacks.checkpoint.every=16"), run)
    assert run.record()["images_seen"] == load_checkpoint(run.checkpoint("last"))["images_seen"] == 24


def test_the_state_of_the_parts_survives(counting, tiny, tmp_path, monkeypatch):
    run, config = RunFolder(tmp_path), counting("budget.images=96")
    whole = building.build(config, RunFolder(tmp_path / "whole"))
    whole.trainer.fit(whole.system, datamodule=whole.data)
    step = GAN.step

    def stop_once(self, batch):
        step(self, batch)
        if self.clock.images_seen == 40:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "step", stop_once)
        assert train(config, run) == 128 + signal.SIGTERM
    saved = load_checkpoint(run.checkpoint("last"))["callbacks"]
    assert saved["Counting"]["steps"] == 5
    parts = building.build(config, run)
    parts.trainer.fit(parts.system, datamodule=parts.data, ckpt_path=run.checkpoint("last"), weights_only=True)
    assert parts.trainer.callbacks[1].steps == 12
    assert parts.loop.evaluation.best == whole.loop.evaluation.best
    assert parts.loop.monitor.state_dict()["seconds"] > saved["RunLoop"]["monitor"]["seconds"] > 0


@pytest.mark.parametrize("early", [False, True], ids=["at its budget", "early"])
def test_a_run_stopped_in_an_evaluation_evaluates_again_and_ends_with_the_same_bits(
    counting, tmp_path, monkeypatch, early
):
    """Stopped between batches and measures, of periodic and final evaluations, and again in the repeated one."""
    config = counting(
        *("budget.images=96", "callbacks.checkpoint.every=1000", "stop.patience=" + ("32" if early else "null")),
        "metrics.batch_size=20",
    )
    better = (lambda self, _: not self.best) if early else (lambda self, _: self.best.get("images_seen") != 96)
    monkeypatch.setattr(Evaluation, "_is_better", better)
    end, stop_at, calls = Stop.end_evaluation, [0], []

    def end_or_send(self, world_size, device):
        calls.append(self)
        if len(calls) == stop_at[0]:
            os.kill(os.getpid(), signal.SIGTERM)
        end(self, world_size, device)

    monkeypatch.setattr(Stop, "end_evaluation", end_or_send)
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    train(config, whole)
    reached = []
    for stop_at[0] in (2, 1, 3, 4, 5, 6, 7, 8, 0):
        calls.clear()
        code = train(config, stopped)
        assert code == (128 + signal.SIGTERM if stop_at[0] else 0)
        assert stopped.record()["status"] == ("interrupted" if code else "finished")
        saved = load_checkpoint(stopped.checkpoint("last"))
        reached.append(saved["images_seen"])
        assert saved["callbacks"]["Counting"]["steps"] == reached[-1] / 8 - (code != 0)
    assert reached == [32, 32, 32, 32, 64, *[64 if early else 96] * 4]
    assert_same_run(whole, stopped)
    assert all(float(row["speed/images_per_second"] or "inf") > 0 for row in rows(stopped))
    assert stopped.record()["final"] == whole.record()["final"]


@pytest.mark.parametrize("improved", [True, False])
def test_a_better_evaluation_is_saved_at_once(tiny, tmp_path, monkeypatch, improved):
    saved = []
    monkeypatch.setattr(Evaluation, "measure", lambda *_: Measured({"metrics/fid": 1.0}, improved, 0.5))
    monkeypatch.setattr(Evaluation, "results", lambda _: {})
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, trainer, best=False: saved.append((trainer.callbacks[0].latest, best))
    )
    train(tiny("budget.images=16", "metrics.every=8", "callbacks.checkpoint.every=1000"), RunFolder(tmp_path))
    assert [best for _, best in saved] == ([True, True] if improved else [False])
    assert all(latest["metrics/fid"] == 1.0 for latest, _ in saved)


@pytest.mark.parametrize("part", ["monitor", "samples", "checkpoint", "progress", "failures"])
def test_every_part_can_be_switched_off(tiny, tmp_path, part):
    run = RunFolder(tmp_path / "run")
    assert train(tiny(f"~callbacks.{part}"), run) == 0
    assert run.samples.exists() == (part != "samples")
    assert run.checkpoint("last").exists() == (part != "checkpoint")
    assert ("loss/generator" in run.metrics_file.read_text()) == (part != "monitor")
    assert "metrics/fid" in run.metrics_file.read_text()


def test_time_of_evaluation_is_no_time_of_training(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Evaluation, "measure", lambda *_: Measured({"metrics/fid": 1.0}, False, 1000.0))
    parts = building.build(tiny("budget.images=64"), RunFolder(tmp_path))
    parts.trainer.fit(parts.system, datamodule=parts.data)
    assert parts.loop.latest["speed/seconds"] < 0  # two thousand seconds have been subtracted


def test_a_logger_of_lightnings_own_receives_scalars(tiny, tmp_path):
    received = []

    class Plain(DummyLogger):
        def log_metrics(self, metrics, step):
            received.append((step, metrics))

        def log_image(self, key, images, step=None):
            raise AssertionError("another signature than ours")

    parts = building.build(tiny("budget.images=16", "metrics=none"), RunFolder(tmp_path))
    parts.trainer.loggers = [Plain()]
    parts.trainer.fit(parts.system, datamodule=parts.data)
    assert [step for step, _ in received] == [16]
    assert "loss/generator" in received[0][1]


MANY_STEPS = (
    "model=mlp", "augment=ada", "augment.ada.interval=3", "augment.ada.geometric=0", "augment.ada.color=0", "d_steps=2",
    "penalty.r1.interval=4", "~callbacks.progress",
    "budget.images=960", "callbacks.monitor.every=416", "callbacks.samples.every=480", "metrics.every=416",
    "callbacks.checkpoint.every=200", "ramps={beta: {keys: ['optimizer.generator.betas[1]'], to: 0.9}}",
)  # fmt: skip


@pytest.fixture
def lengths(monkeypatch):
    """Return the number of steps of each call of ``training_step``."""
    return counted(monkeypatch)


def counted(patch):
    counts, take = [], System.training_step

    def count(self, dataloader_iter):
        before = self.clock.step
        take(self, dataloader_iter)
        counts.append(self.clock.step - before)

    patch.setattr(System, "training_step", count)
    patch.setattr(looping, "LONGEST", math.inf)  # the machine may be slow
    return counts


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Train a run of many steps that nothing interrupts; returns its folder, and its steps in a row."""
    run = RunFolder(tmp_path_factory.mktemp("loop") / "whole")
    with pytest.MonkeyPatch.context() as patch:
        lengths = counted(patch)
        config = OmegaConf.to_container(compose("train", tiny_overrides(*MANY_STEPS)), resolve=True)
        assert train(config, run) == 0
    return run, lengths


@pytest.mark.parametrize("most", [1, 7, 50])
def test_a_run_is_the_same_for_any_number_of_steps_in_a_row_and_if_one_of_them_is_its_last(
    tiny, tmp_path, monkeypatch, whole, lengths, most
):
    killed, config = RunFolder(tmp_path / "killed"), tiny(*MANY_STEPS)
    assert whole[1] == [25, 25, 2, 8, 15, 25, 4, 16]  # between the multiples of 200, 416 and 480 images
    pauses, step = looping.RunLoop._pauses, GAN.step
    monkeypatch.setattr(looping.RunLoop, "_pauses", lambda self: pauses(self) or self._clock.step % most == 0)

    def fail(self, batch):
        step(self, batch)
        if self.clock.step == 73:
            raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "step", fail)
        with pytest.raises(InterruptedError):
            train(config, killed)
    assert load_checkpoint(killed.checkpoint("last"))["images_seen"] == 416  # 52 steps
    assert train(config, killed) == 0
    assert max(lengths) == min(most, 25)
    assert_same_run(whole[0], killed)


def test_steps_in_a_row_cast_the_weights_of_mixed_precision_anew(tiny, tmp_path, monkeypatch, lengths):
    config, weights = tiny(*MANY_STEPS, "trainer.precision=bf16-mixed", "metrics=none", "budget.images=40"), []
    for name in ("together", "one_by_one"):
        parts = building.build(config, RunFolder(tmp_path / name))
        parts.trainer.fit(parts.system, datamodule=parts.data)
        weights.append(parts.system.state_dict())
        monkeypatch.setattr(looping.RunLoop, "_pauses", lambda self: True)  # and leave the context that may keep casts
    assert lengths == [5, 1, 1, 1, 1, 1]
    assert_same(*weights, "weights")


def test_a_signal_is_answered_after_the_step_it_came_in(tiny, tmp_path, monkeypatch, lengths):
    step, run = GAN.step, RunFolder(tmp_path)

    def interrupt(self, batch):
        step(self, batch)
        if self.clock.step == 13:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(GAN, "step", interrupt)
    assert train(tiny(*MANY_STEPS), run) == 128 + signal.SIGTERM
    assert lengths == [13]
    assert load_checkpoint(run.checkpoint("last"))["images_seen"] == 13 * 8


def test_after_a_while_lightning_gets_its_turn(tiny, tmp_path, monkeypatch, lengths):
    monkeypatch.setattr(looping, "LONGEST", 0.0)
    assert train(tiny(*MANY_STEPS, "budget.images=64"), RunFolder(tmp_path)) == 0
    assert lengths == [1] * 8


def test_who_watches_steps_sees_all_of_them_and_changes_nothing(counting, tiny, tmp_path, lengths):
    alone, watched = RunFolder(tmp_path / "alone"), RunFolder(tmp_path / "watched")
    train(tiny(*MANY_STEPS, "metrics=none"), alone)
    assert max(lengths) > 1
    lengths.clear()
    parts = building.build(counting(*MANY_STEPS, "metrics=none"), watched)
    parts.trainer.fit(parts.system, datamodule=parts.data)
    assert lengths == [1] * 120
    assert parts.trainer.callbacks[1].steps == 120
    assert parts.trainer.global_step == 120 + 60  # Lightning counts the steps of both optimizers
    one, other = (load_checkpoint(run.checkpoint("last")) for run in (alone, watched))
    for part in ("state_dict", "optimizer_states", "statistics"):
        assert_same(one[part], other[part], part)
