"""One run from its config to its record, whatever happens on the way."""

from __future__ import annotations

import logging
import resource
import sys
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import nn

from gan_experiments.core.files import remove_leftovers
from gan_experiments.core.types import DivergedError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.config_differences import NON_RESULT_KEYS
from gan_experiments.runs.folder import RunFolder, is_main_process
from gan_experiments.runs.provenance import provenance
from gan_experiments.training.build import Parts, build
from gan_experiments.training.loggers import csv_table as table
from gan_experiments.training.loggers import tensorboard

INTERRUPTED_EXIT = 128  # plus the signal's number, as shells have it

# What does not belong beside the results in TensorBoard's HParams tab.
NOT_COMPARED = (*NON_RESULT_KEYS, "callbacks", "logger", "metrics")


def train(config: Mapping[str, Any], run: RunFolder) -> int:
    """Train the run in its folder, from its last checkpoint if it has one, and keep its record true.

    Args:
        config: Checked and resolved.
        run: The folder, locked by the caller, with its config in it.

    Returns:
        0, or 128 plus the number of the signal that stopped it.

    Raises:
        ConfigError: Parts do not fit each other, the data, the machine or the checkpoint.
        DivergedError: A loss or a gradient was no longer finite.
    """
    _quiet()
    main = is_main_process()
    checkpoint = run.checkpoint("last")
    resumes = checkpoint.exists()
    if main:
        _rewind(run, load_checkpoint(checkpoint)["images_seen"] if resumes else -1)
    parts = build(config, run)
    if main:
        _open_record(run, config, parts)
        if not resumes:
            _open_comparison(run, config, parts)
    try:
        path = checkpoint if resumes else None
        # A SIGTERM before the first step is known to Lightning, which ends the run with this after it.
        with parts.stop.listening(), suppress(SIGTERMException):
            parts.trainer.fit(parts.system, datamodule=parts.data, ckpt_path=path, weights_only=True)
    except BaseException as error:
        if main:
            endings = {DivergedError: "diverged", KeyboardInterrupt: "interrupted"}
            status = endings.get(type(error), "failed")
            reason = f"{type(error).__name__}: {error}"
            with suppress(OSError):  # on a full disk; the error itself is what the user has to see
                _close_record(run, parts, status, reason=reason, traceback=traceback.format_exc())
        raise
    # A signal that comes during the last step stops nothing.
    stopped = parts.stop.signal if not parts.system.clock.finished else 0
    if main:
        results = parts.evaluation.results() if parts.evaluation else {}
        _close_record(run, parts, "interrupted" if stopped else "finished", **results)
    return INTERRUPTED_EXIT + stopped if stopped else 0


def _rewind(run: RunFolder, images_seen: int) -> None:
    """Take back what a killed process logged after its last checkpoint: it will be logged again."""
    remove_leftovers(run.path)
    table.rewind(run, images_seen)
    tensorboard.rewind(run, images_seen)


def _open_record(run: RunFolder, config: Mapping[str, Any], parts: Parts) -> None:
    parts.data.prepare_data()
    parts.data.setup()
    record = run.record()
    run.update_record(
        status="running",
        reason=None,
        traceback=None,
        started=record.get("started") or _now(),
        seed=config["seed"],
        budget=config["budget"],
        dataset=parts.data.provenance(),
        parameters={name: _size(part) for name, part in parts.system.named_children() if _size(part) and name != "ema"},
        processes=parts.trainer.world_size,
        **provenance(),
    )


def _open_comparison(run: RunFolder, config: Mapping[str, Any], parts: Parts) -> None:
    """Make the run a row of TensorBoard's HParams tab, whose cells follow the newest values."""
    names = parts.evaluation.evaluator.names if parts.evaluation else []
    measures = [f"{rows}/{name}" for rows in ("metrics", "final") for name in names]
    for logger in parts.trainer.loggers:
        if isinstance(logger, tensorboard.TensorBoard):
            told = [override.lstrip("+").partition("=")[0] for override in run.record().get("overrides", ())]
            logger.log_comparison({key: config[key] for key in config if key not in NOT_COMPARED}, measures, told)


def _close_record(run: RunFolder, parts: Parts, status: str, **fields: Any) -> None:
    latest, clock = parts.system.latest, parts.system.clock
    seconds = latest.get("speed/seconds", run.record().get("seconds", 0.0))
    run.update_record(
        status=status,
        images_seen=clock.images_seen,
        steps=parts.system.updates(),
        seconds=seconds,
        images_per_second=clock.images_seen / seconds if seconds else None,
        peak_memory_bytes=_peak_memory(),
        ended=_now(),
        **fields,
    )


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _peak_memory() -> int:
    """Return the most memory that this process has held, in bytes: the GPU's if it trains there."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _quiet() -> None:
    """Silence what Lightning says that is not so here, by name and no more."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", message="The `srun` command is available on your system but is not used")
