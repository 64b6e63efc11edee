"""Keeps what a process shares (signal handlers, environment, Hydra, logging, torch) as it was around a block."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from gan_experiments.core.signals import kept_handlers, signals

_SIGNALS = signals("SIGINT", "SIGTERM", "SIGUSR2")
_LOGGERS = ("pytorch_lightning", "lightning.pytorch")


@contextmanager
def preserved_state() -> Iterator[None]:
    """Restore, after the block, the state of the process that composing, training or measuring changes.

    That is: handlers of signals, environment variables, warning filters, log levels, Hydra's singletons, and, once
    torch has been imported, its random numbers, threads, matmul precision and deterministic mode.
    """
    environment = dict(os.environ)
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    hydra, config = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    try:
        with kept_handlers(_SIGNALS), _torch(), warnings.catch_warnings():
            yield
    finally:
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = hydra, config
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


@contextmanager
def _torch() -> Iterator[None]:
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
