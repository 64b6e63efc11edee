import threading
import time

import pytest

from gan_experiments.data.parallel import in_order


def test_results_come_in_the_order_of_the_items():
    def slow(number):
        time.sleep(0.01 * (number % 3))
        return number

    assert list(in_order(slow, range(30))) == list(range(30))


def test_only_a_few_items_are_computed_ahead(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    started = []
    results = in_order(started.append, range(1000))
    next(results)
    time.sleep(0.1)
    assert len(started) <= 6
    results.close()


def test_an_error_is_raised_and_ends_the_threads():
    def fail(number):
        if number == 3:
            raise OSError("a file is gone")
        return number

    before = threading.active_count()
    results = in_order(fail, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="a file is gone"):
        next(results)
    assert threading.active_count() == before
