import csv

from gan_experiments.core.clock import Clock
from gan_experiments.training.callbacks import monitor as module
from gan_experiments.training.callbacks.monitor import Monitor


def rows(run):
    with run.metrics_file.open() as file:
        return list(csv.DictReader(file))


def test_a_row_has_every_scalar(fit):
    run = fit("penalty=r1", "penalty.r1.interval=1")
    row = rows(run)[-1]
    expected = {
        "loss/discriminator", "loss/generator", "logits/real", "logits/fake", "accuracy/real", "accuracy/fake",
        "gradient_norm/discriminator", "gradient_norm/generator", "learning_rate/generator", "speed/images_per_second",
        "learning_rate/discriminator", "penalty/discriminator/r1", "metrics/fid", "metrics/is", "final/fid", "final/is",
    }  # fmt: skip
    assert expected <= row.keys()
    assert all(row[name] for name in expected)
    assert [row["images_seen"] for row in rows(run)] == ["16", "32", "48", "64"]
    assert 0 <= float(row["accuracy/real"]) <= 1


def test_energies_have_no_accuracy_and_no_row_is_missed(fit):
    assert all(float(row["speed/seconds"]) > 0 for row in rows(fit("callbacks.monitor.every=1", "metrics=none")))


def test_the_time_of_steps_since_the_last_row_is_that_of_a_run_that_is_saved_between_rows(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    clock, monitor = Clock(8, 64), Monitor()
    monitor.start(clock)
    clock.advance()
    now[0] = 103.0
    resumed = Monitor()
    resumed.load_state_dict(monitor.state_dict())
    resumed.start(clock)
    assert monitor.seconds == resumed.seconds == 3.0
    now[0] = 110.0  # no step since: an evaluation that was cut off, or the writing of files
    assert resumed.seconds == 3.0
