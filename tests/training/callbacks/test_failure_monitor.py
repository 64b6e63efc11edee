import logging
import os
import signal
from types import SimpleNamespace

import pytest
import torch
from same_run import assert_same, assert_same_run, rows
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_experiments.core.clock import Clock
from gan_experiments.core.types import DivergedError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.gan import GAN
from gan_experiments.training.callbacks import failure_monitor
from gan_experiments.training.callbacks.failure_monitor import FailureMonitor
from gan_experiments.training.train import train

ORBIT = (
    "dataset=dirac", "optimizer=sgd", "penalty=none", "loss=wasserstein", "optimizer.generator.lr=0.1", "batch_size=8",
    "optimizer.discriminator.lr=0.1", "budget.images=3200", "callbacks.monitor.every=64",
    "callbacks.failures.count=4", "callbacks.checkpoint.every=800", "callbacks.samples.every=3200",
    "metrics.every=1600", "~callbacks.progress",
)  # fmt: skip


@pytest.fixture(scope="module")
def orbit():
    """Return the config of a run that goes around the equilibrium of the Dirac-GAN."""
    from omegaconf import OmegaConf

    from gan_experiments.config.compose import compose

    return lambda *overrides: OmegaConf.to_container(compose("train", [*ORBIT, *overrides]), resolve=True)


@pytest.fixture(scope="module")
def orbiting(orbit, tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("orbit"))
    logged = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())
    logger = logging.getLogger("gan_experiments.training.callbacks.failure_monitor")
    logger.addHandler(handler)
    assert train(orbit(), run) == 0
    logger.removeHandler(handler)
    return run, logged


def test_an_orbit_is_named_once_in_log_record_table_and_tensorboard(orbiting):
    run, logged = orbiting
    finding = run.record()["findings"]["oscillation"]
    assert finding["began"] == 32 * 64  # as soon as there are enough rows
    assert finding["ended"] is None
    assert logged == [f"oscillation, at 2,048 images: {finding['reason']}"]
    marks = {row["images_seen"]: row["failures/oscillation"] for row in rows(run) if row["failures/oscillation"]}
    assert marks == {"2048": "1.0"}
    events = EventAccumulator(str(run.path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("failures/oscillation")] == [(2048, 1.0)]


def test_a_resumed_run_finds_the_same(orbit, orbiting, tmp_path, monkeypatch):
    whole, _ = orbiting
    resumed, step = RunFolder(tmp_path), GAN.step

    def stop_once(self, batch):
        step(self, batch)
        if self.clock.images_seen == 1000:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "step", stop_once)
        assert train(orbit(), resumed) == 128 + signal.SIGTERM
    assert train(orbit(), resumed) == 0
    assert_same_run(whole, resumed)
    assert whole.record()["findings"] == resumed.record()["findings"]


def test_it_changes_no_bit_of_a_run(orbit, orbiting, fit):
    without = fit(config=orbit("~callbacks.failures"))
    with_it, other = (load_checkpoint(run.checkpoint("last")) for run in (orbiting[0], without))
    assert_same(with_it["state_dict"], other["state_dict"])
    assert "findings" not in without.record()


def test_a_run_that_diverges_names_the_first_term(tiny, tmp_path):
    run = RunFolder(tmp_path)
    rates = [f"optimizer.{name}.lr=1e6" for name in ("generator", "discriminator")]
    with pytest.raises(DivergedError):
        train(tiny("model=mlp", "optimizer=sgd", *rates, "~callbacks.progress"), run)
    finding = run.record()["findings"]["divergence"]
    assert "is no longer finite at step" in finding["reason"]
    assert run.record()["status"] == "diverged"


class _Stub:
    """A system whose samples are what a function of their number returns."""

    translates, seed, num_classes, latent_dim, device = False, 0, 0, 2, torch.device("cpu")

    def __init__(self, samples, seen=10_000):
        self.clock = Clock(8, 10_000, seen)
        self.sample = lambda latents, labels, ema: samples(len(latents))


def _data(count=40, trained=30, size=4):
    images = torch.randint(0, 256, (count, 1, size, size), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    mask = torch.arange(count) < trained
    training = torch.arange(trained)
    return SimpleNamespace(images=images, labels=None, trained=mask, training=training, num_training=trained)


@pytest.mark.parametrize("trained", [30, 40])
def test_copies_of_training_images_are_memorization_and_it_can_pass(tmp_path, trained):
    monitor, data = FailureMonitor(RunFolder(tmp_path), count=16), _data(trained=trained)
    copies = data.images[:16].float() / 127.5 - 1
    assert monitor.after_evaluation(_Stub(lambda n: copies[:n]), data) == {
        "failures/copied": 1.0, "failures/memorization": 1.0,
    }  # fmt: skip
    new = torch.rand(16, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert monitor.after_evaluation(_Stub(lambda n: new[:n]), data) == {
        "failures/copied": 0.0, "failures/memorization": 0.0,
    }  # fmt: skip
    assert monitor.findings["memorization"]["ended"] == 10_000


def test_copies_are_looked_for_in_a_few_training_images_at_a_time_and_not_in_too_many(tmp_path, monkeypatch):
    monitor, data = FailureMonitor(RunFolder(tmp_path), count=4), _data()
    system = _Stub(lambda n: data.images[:n].float() / 127.5 - 1)
    sizes = []
    convert = failure_monitor._flat
    monkeypatch.setattr(failure_monitor, "_flat", lambda images: sizes.append(len(images)) or convert(images))
    monkeypatch.setattr(failure_monitor, "_CHUNK", 10 * 16)
    assert monitor.after_evaluation(system, data)["failures/copied"] == 1.0
    assert max(sizes) == 10
    monkeypatch.setattr(failure_monitor, "_MOST_VALUES", 30 * 16 - 1)
    assert monitor.after_evaluation(system, data) == {}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_discriminator_that_takes_held_out_images_for_fakes_is_overfitted(tmp_path, share):
    class Critic(torch.nn.Module):
        def forward(self, images, labels=None):
            kinds = {1.0: 2.0, 0.5: 2.0 - 3 * share, -1.0: -1.0}  # training, held out, fake
            return torch.tensor([kinds[round(image.mean().item(), 1)] for image in images])

    system, data = _Stub(lambda n: torch.full((n, 1, 4, 4), -1.0)), _data()
    data.images = torch.where(data.trained, 255, 191)[:, None, None, None].expand(-1, 1, 4, 4).to(torch.uint8)
    system.discriminator = Critic()
    values = FailureMonitor(RunFolder(tmp_path), count=8).after_evaluation(system, data)
    assert values["failures/overfitting"] == pytest.approx(share)


def test_equal_samples_are_a_collapse_and_different_ones_are_not(tmp_path):
    def found(samples):
        monitor = FailureMonitor(RunFolder(tmp_path), count=16)
        for row in range(1, 12):
            values = monitor.after_row(_Stub(samples, 1000 * row), _data(), {})
        return values, list(monitor.findings)

    values, names = found(lambda n: torch.full((n, 1, 4, 4), 0.25))
    assert values == {"failures/spread": 0.0, "failures/nearest": 0.0}
    assert names == ["mode_collapse"]
    values, names = found(lambda n: torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert names == []
    assert all(0.9 < value < 1.1 for value in values.values())


def test_samples_are_drawn_no_more_often_than_they_may_cost(tmp_path):
    drawn = []
    system = _Stub(lambda n: drawn.append(n) or torch.zeros(n, 1, 4, 4))
    monitor = FailureMonitor(RunFolder(tmp_path), count=16)
    for seen in range(8, 2000, 8):
        system.clock.images_seen = seen
        monitor.after_row(system, _data(), {})
    assert len(drawn) == 2000 // (40 * 16)
