"""What many tests share: a tiny config, a cache folder of their own, one thread."""

import atexit
import gc
import logging
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from importlib import metadata
from itertools import takewhile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # tests run side by side; read by torch, and by the processes that they start

import pytest
import quick_configs
import quick_hydra
import quick_jobs
import quick_loader
import quick_spectral
from dealing import dealt
from forked_workers import fork_workers
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from tiny import tiny_overrides

quick_hydra.make_quick()
quick_configs.make_quick()
quick_loader.make_quick()
quick_jobs.make_quick()
quick_spectral.make_quick()
metadata.entry_points = cache(metadata.entry_points)  # Lightning asks all packages at each start of a training
gc.disable()  # what the modules of the tests make stays: looking through it again and again is a tenth of the time


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Begin with what takes long or waits, in every process, so that none is left with it at the end."""
    yield  # the others leave tests out
    items[:] = dealt(items, getattr(config, "workerinput", {}).get("workercount", 1))


def pytest_collection_finish():
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # looked for as often as usual, garbage takes a tenth of the time
    gc.enable()
    atexit.register(gc.unfreeze)  # once pytest has looked for garbage several times


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config, specs):
    if sys.platform == "linux":
        fork_workers(config, specs)


def pytest_addoption(parser):
    """Add the option that tests/adversarial/conftest.py describes."""
    chosen = os.environ.get("ADVERSARIAL", "0")
    parser.addoption("--adversarial", default=chosen, help="all, or a seed that draws a tenth of the hostile cases")


def pytest_terminal_summary(terminalreporter):
    """Say how many hostile cases were tried, of how many, and how many tests of them failed."""
    cases, failed = {}, Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for key, (campaign, name, tried, of) in report.user_properties:
                if key == "adversarial":
                    before = cases.setdefault(campaign, {}).get(name, (0, 0))[0]
                    cases[campaign][name] = (before + tried, of)
                    failed[campaign] += outcome == "failed"
    for campaign, functions in sorted(cases.items()):
        tried, of = (sum(counts) for counts in zip(*functions.values(), strict=True))
        terminalreporter.line(f"adversarial: {campaign}: {tried} of {of} tried, {failed[campaign]} failed")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_disks():
    """Leave what is written to the system, which keeps it whatever happens to a process."""
    before, os.fsync = os.fsync, lambda _: None
    yield
    os.fsync = before


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Share what is cached among the tests, and with nobody else."""
    root = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        root = root.parent
    os.environ["GAN_EXPERIMENTS_CACHE"] = str(root / "gan_experiments_cache")


@pytest.fixture(autouse=True)
def _forget_modules_of_a_test(tmp_path_factory):
    """Let no test see the modules that another has written: several write a package of the same name."""
    last = next(reversed(sys.modules))
    yield
    written = str(tmp_path_factory.getbasetemp())
    for name in list(takewhile(last.__ne__, reversed(sys.modules))):  # thousands are as old as that, or older
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(written):
            del sys.modules[name]


@pytest.fixture
def new_processes(monkeypatch):
    """Let sweeps start new processes, where that is the point; else they are forked from this one, which is faster."""
    monkeypatch.setattr("gan_experiments.sweeps.fork_server.subprocess", subprocess)


@pytest.fixture(scope="module")
def quick_onnx():
    """Let torch read the sources of its hundreds of functions for ONNX once, and not for each file: that is a third."""
    from onnxscript.values import TracedOnnxFunction

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TracedOnnxFunction, "function_ir", property(cache(TracedOnnxFunction.function_ir.fget)))
        yield


@pytest.fixture
def tiny():
    """Compose the default config with tiny networks and a tiny budget, and the overrides given."""
    from gan_experiments.config.compose import compose

    def make(*overrides):
        return OmegaConf.to_container(compose("train", tiny_overrides(*overrides)), resolve=True)

    return make


@pytest.fixture
def fit(tiny, tmp_path):
    """Train a tiny run without a command line; returns its parts and its folder."""
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training.train import train

    def make(*overrides, folder="run", config=None):
        run = RunFolder(Path(tmp_path) / folder)
        train(config or tiny(*overrides), run)
        return run

    return make


@pytest.fixture(autouse=True)
def root_logger_as_it_was():
    """Undo what a command did to the root logger: its handler writes to a stream that is closed after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
    if root.level != level:  # to set it makes all loggers ask again
        root.setLevel(level)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run a command in this process, in an empty folder; returns its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(module, *arguments):
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        GlobalHydra.instance().clear()
        with pytest.raises(SystemExit) as exit_:
            module.main()
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return run
