import io
import sys

import pytest

from gan_experiments.core.clock import Clock
from gan_experiments.training.callbacks import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_file_gets_a_line_for_every_twentieth(fit, monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(sys, "stderr", text)
    fit("budget.images=400", "metrics.every=100", "callbacks.monitor.every=40")
    lines = [line for line in text.getvalue().splitlines() if "images" in line]
    assert 15 <= len(lines) <= 20
    assert lines[-1].startswith("400/400 images")
    for part in ("/s", "D ", "G ", "FID ", "0:00 left"):
        assert part in lines[-1]


@pytest.mark.parametrize("width", [60, 160])
def test_a_terminal_gets_a_bar(fit, monkeypatch, width):
    text = Terminal()
    monkeypatch.setattr(sys, "stderr", text)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    fit("callbacks.progress.refresh=0.001")
    assert "64/64 images" in text.getvalue()
    assert "FID" in text.getvalue()


def test_a_log_file_gets_a_line_when_ten_steps_have_shown_the_speed_and_then_after_the_longest_time(monkeypatch):
    text, now = io.StringIO(), [0.0]
    monkeypatch.setattr(sys, "stderr", text)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    clock, bar = Clock(32, 800_000), progress.ProgressBar(longest=60)
    bar.open(clock)
    for _ in range(40):
        clock.advance()
        now[0] += 4.0
        bar.update(clock, {})
    lines = text.getvalue().splitlines()
    assert [line.partition("/")[0] for line in lines] == ["320", "800", "1,280"]
    assert lines[0].endswith("/800,000 images · 8/s · 27:46:00 left")  # 799,680 images, 8 a second
