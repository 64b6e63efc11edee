import signal
import threading

import pytest

from gan_experiments.core.signals import Interrupted, ending_at_once, handling, signals


def test_signals_that_the_system_lacks_are_left_out():
    assert signals("SIGINT", "SIGNOTHING", "SIGTERM") == (signal.SIGINT, signal.SIGTERM)


def test_signals_are_handled_in_the_block_and_as_before_after_it():
    before, received = signal.getsignal(signal.SIGTERM), []
    with handling((signal.SIGTERM,), lambda number, frame: received.append(number)):
        signal.raise_signal(signal.SIGTERM)
    assert received == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_leaves_the_handlers_as_they_are():
    seen = []

    def look():
        with handling((signal.SIGTERM,), lambda number, frame: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Interrupted)])
def test_a_signal_ends_the_block_and_has_its_usual_effect_after_it(number, error):
    inside = []

    def receive():
        try:
            signal.raise_signal(number)
        except Interrupted as end:  # whatever it is outside: Lightning ends the process at a KeyboardInterrupt
            inside.append(end.code)
            raise

    with pytest.raises(error) as ended, ending_at_once():
        receive()
    assert inside == [128 + number]
    assert number == signal.SIGINT or ended.value.code == 128 + number
