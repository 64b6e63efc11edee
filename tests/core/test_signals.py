import signal

from gan_experiments.core.signals import signals


def test_signals_that_the_system_lacks_are_left_out():
    assert signals("SIGINT", "SIGNOTHING", "SIGTERM") == (signal.SIGINT, signal.SIGTERM)
