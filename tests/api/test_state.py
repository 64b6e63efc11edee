import logging
import os
import signal
import threading
import warnings

import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from gan_experiments.api.state import preserved_state


def state():
    return {
        "signals": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)],
        "environment": dict(os.environ),
        "levels": [logging.getLogger(name).level for name in ("pytorch_lightning", "lightning.pytorch")],
        "hydra": (GlobalHydra.instance().hydra, HydraConfig.instance().cfg),
        "warnings": list(warnings.filters),
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "benchmark": torch.backends.cudnn.benchmark,
        "random": torch.get_rng_state().tolist(),
    }


def disturb():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ["GAN_EXPERIMENTS_TEST"] = "1"
    os.environ.pop("PATH")
    logging.getLogger("pytorch_lightning").setLevel(logging.CRITICAL)
    HydraConfig.instance().cfg = "another"
    warnings.filterwarnings("ignore", message="anything")
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(torch.initial_seed() + 1)


def test_everything_is_restored():
    before = state()
    with preserved_state():
        disturb()
        assert all(before[key] != value for key, value in state().items())
    assert state() == before


def test_also_after_an_error():
    before = state()
    try:
        with preserved_state():
            disturb()
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert state() == before


def test_in_another_thread_signals_are_left_alone():
    errors = []

    def work():
        try:
            with preserved_state():
                pass
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []
