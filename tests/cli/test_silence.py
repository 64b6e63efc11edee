import sys
import threading
import warnings

from gan_experiments.cli._silence import silence


def test_only_threads_that_ran_before_are_heard(capsys):
    go, done = threading.Event(), threading.Event()

    def other():
        go.wait()
        print("other", file=sys.stderr, flush=True)
        done.set()

    threading.Thread(target=other).start()
    with silence():
        print("own", file=sys.stderr)
        warnings.warn("warned", stacklevel=1)
        late = threading.Thread(target=lambda: print("late", file=sys.stderr))
        late.start()
        late.join()
        go.set()
        assert done.wait(10)
    print("after", file=sys.stderr)
    assert capsys.readouterr().err == "other\nafter\n"
