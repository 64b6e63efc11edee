"""Signals that this operating system has."""

from __future__ import annotations

import signal


def signals(*names: str) -> tuple[signal.Signals, ...]:
    """Return the signals of these names, without those that the system lacks: Windows has few."""
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))
