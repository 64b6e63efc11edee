import os
import signal

import pytest

from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.gan import GAN
from gan_experiments.training.callbacks.stop import Stop
from gan_experiments.training.train import train


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("hook", ["setup", "on_fit_start", "on_train_start", "step"])
def test_a_signal_at_any_moment_ends_the_run_saved(tiny, tmp_path, monkeypatch, hook, number):
    def send(*_, **__):
        os.kill(os.getpid(), number)

    step = GAN.step
    monkeypatch.setattr(GAN, hook, send)
    run = RunFolder(tmp_path)
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    if hook == "step":
        monkeypatch.setattr(
            GAN, hook, lambda self, batch: (send() if self.clock.step == 3 else None, step(self, batch))
        )
    assert train(tiny(), run) == 128 + number
    saved = load_checkpoint(run.checkpoint("last"))["images_seen"]
    assert saved == run.record()["images_seen"] == (32 if hook == "step" else 8)
    assert run.record()["status"] == "interrupted"
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_second_ctrl_c_does_not_wait_and_other_signals_may_come_twice():
    stop = Stop()
    with stop.listening():
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)
        assert stop.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
