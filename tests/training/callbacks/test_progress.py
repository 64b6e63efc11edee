import io
import sys

import pytest


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
