"""Trains one run: ``prepare`` builds and checks everything, ``fit`` trains and keeps the run's record up to date."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from typing import Any

from pytorch_lightning.utilities.exceptions import SIGTERMException

from gan_experiments.core.clock import now
from gan_experiments.core.files import remove_leftovers
from gan_experiments.core.frozen import weight_hashes
from gan_experiments.core.memory import peak_memory
from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.data.base import ImageData
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.config_differences import NON_RESULT_KEYS, differences
from gan_experiments.runs.folder import RunFolder, is_main_process
from gan_experiments.runs.longer import changes_length, check_length
from gan_experiments.runs.provenance import provenance
from gan_experiments.runs.reached import reached
from gan_experiments.systems.base import System
from gan_experiments.training.build import Parts, build
from gan_experiments.training.initial import begin_with
from gan_experiments.training.loop import run_loggers
from gan_experiments.training.preflight import check_run, overload
from gan_experiments.training.restore import check_resumable, check_same_data, check_same_pretrained, naming_places

_log = logging.getLogger(__name__)

INTERRUPTED_EXIT = 128  # plus the signal's number, as in shells

_MOST_CLASSES = 1000  # whose names are kept in the record

# Not a column of TensorBoard's HParams tab.
NOT_COMPARED = (*NON_RESULT_KEYS, "callbacks", "logger", "metrics")


def train(config: Mapping[str, Any], run: RunFolder) -> int:
    """Train the run in its folder, from its last checkpoint if it has one: ``prepare``, then ``fit``."""
    return fit(prepare(config, run), config, run)


def prepare(config: Mapping[str, Any], run: RunFolder) -> Parts:
    """Build the objects of a run and check all that can be known before its first step.

    Writes nothing to the run's folder, which need not exist.

    Raises:
        ConfigError: Parts do not fit each other, the data, the machine or the checkpoint.
    """
    silence_lightning()
    path = run.checkpoint("last")
    checkpoint = load_checkpoint(path) if path.exists() else None
    saved = run.read_config() if run.config_file.exists() else config
    if checkpoint and changes_length(saved, config):
        if run.rule_file.exists():
            raise ConfigError(f"resume: {run.rule_file} says when to stop a run of the present length; delete it first")
        check_length(saved, config, run.record(), checkpoint["images_seen"])
    with naming_places(config) if config.get("resume") is not None else nullcontext():
        parts = build(config, run)._replace(resumed_at=checkpoint["images_seen"] if checkpoint else None)
        if checkpoint is None and config.get("init_from") is not None:
            parts = parts._replace(initial=begin_with(parts.system, config["init_from"], config.get("init") or {}))
        if is_main_process():  # the others run what this one has accepted
            check_run(parts, config)
            if (text := overload()) is not None:
                _log.warning(text)
            if checkpoint:
                check_resumable(checkpoint, config, parts, path)
                check_same_pretrained(run.record(), parts.system)
                check_same_data(
                    run.record(), parts.data, moved=differences(saved["dataset"], config["dataset"], "dataset.")
                )
    return parts


def fit(parts: Parts, config: Mapping[str, Any], run: RunFolder) -> int:
    """Train a prepared run and keep its record up to date; its folder is locked by the caller, with its config in it.

    Returns:
        0, or 128 plus the number of the signal that stopped it.

    Raises:
        ConfigError: Extractors differ from those that the resumed run has used so far.
        DivergedError: A loss or a gradient was no longer finite.
    """
    main, stop = is_main_process(), parts.loop.stop
    if main:
        _open(parts, config, run)
    try:
        checkpoint = None if parts.resumed_at is None else run.checkpoint("last")
        # Lightning raises SIGTERMException at the end of a run that received SIGTERM before its first step.
        with stop.listening(), suppress(SIGTERMException):
            parts.trainer.fit(parts.system, datamodule=parts.data, ckpt_path=checkpoint, weights_only=True)
    except BaseException as error:
        if main:
            statuses = {DivergedError: "diverged", KeyboardInterrupt: "interrupted"}
            status = statuses.get(type(error), "failed")
            reason = f"{type(error).__name__}: {error}"
            with suppress(OSError):  # on a full disk the user has to see the error itself
                _close_record(run, parts, status, reason=reason, traceback=traceback.format_exc())
        raise
    # A signal during the last step stops nothing but its evaluation.
    rule = parts.loop.rule
    stopped = bool(rule and rule.stopped)
    evaluation = parts.loop.evaluation
    complete = parts.system.clock.finished and not (evaluation and evaluation.interrupted)
    stopped_by = stop.signal if not (complete or stopped) else 0
    if main:
        results = evaluation.results() | evaluation.finished_early(parts.system.clock) if evaluation else {}
        status = "interrupted" if stopped_by else "finished"
        if rule and stopped:
            status, results = "stopped", results | {"stopped": rule.stopped, "reason": rule.reason()}
        _close_record(run, parts, status, **results)
    return INTERRUPTED_EXIT + stopped_by if stopped_by else 0


def _open(parts: Parts, config: Mapping[str, Any], run: RunFolder) -> None:
    """Write the record, after deleting what a killed process has left behind its last checkpoint."""
    remove_leftovers(run.path.rglob(".*.tmp"))
    loggers = run_loggers(parts.trainer)
    for logger in loggers:
        logger.rewind(-1 if parts.resumed_at is None else parts.resumed_at)
    system, record = parts.system, run.record()
    run.update_record(
        status="running",
        reason=None,
        traceback=None,
        **{key: None for key in ("stopped", "not_logged") if record.get(key)},
        started=record.get("started") or now(),
        seed=config["seed"],
        budget=config["budget"],
        dataset=parts.data.provenance(),
        **_class_names(parts.data),
        parameters={
            name: size
            for name, part in system.named_children()
            if (size := sum(weight.numel() for weight in part.parameters())) and not name.endswith("ema")
        },
        processes=parts.trainer.world_size,
        **({"pretrained": hashes} if (hashes := weight_hashes(system)) else {}),
        **({"resolved": weights} if (weights := _automatic_weights(system, config)) else {}),
        **provenance(),
    )
    if parts.resumed_at is None:
        if parts.loop.progress and (shown := reached(record.get("overrides", ["unknown"]))):
            print(f"this command has reached {shown} before", file=sys.stderr)
        if parts.initial is not None:
            run.update_record(init_from=parts.initial)
        names = parts.loop.evaluation.evaluator.names if parts.loop.evaluation else []
        metrics = [f"{kind}/{name}" for kind in ("metrics", "final") for name in names]
        overrides = [override.lstrip("+").partition("=")[0] for override in record.get("overrides", ())]
        for logger in loggers:
            logger.log_comparison({key: config[key] for key in config if key not in NOT_COMPARED}, metrics, overrides)


def _class_names(data: ImageData) -> dict[str, list[str]]:
    """Return the names of classes, which sheets of samples show; nothing if they are numbers, or too many for that."""
    names = data.class_names
    return {} if names == list(map(str, range(len(names)))) or len(names) > _MOST_CLASSES else {"class_names": names}


def _automatic_weights(system: System, config: Mapping[str, Any]) -> dict[str, float]:
    """Return the weights of penalties that the config leaves to the program, by their keys."""
    automatic = [name for name, options in config["penalty"].items() if options.get("weight") == "auto"]
    penalties: Any = getattr(system, "penalties", {})
    return {f"penalty.{name}.weight": penalties[name].weight for name in automatic}


def _close_record(run: RunFolder, parts: Parts, status: str, **fields: Any) -> None:
    monitor, clock = parts.loop.monitor, parts.system.clock
    not_logged = {logger.name: logger.failed for logger in run_loggers(parts.trainer) if logger.failed}
    seconds = monitor.seconds if monitor else run.record().get("seconds", 0.0)
    run.update_record(
        status=status,
        images_seen=clock.images_seen,
        steps=parts.system.updates(),
        seconds=seconds,
        images_per_second=clock.images_seen / seconds if seconds else None,
        peak_memory_bytes=peak_memory(),
        ended=now(),
        **({"not_logged": not_logged} if not_logged else {}),
        **fields,
    )


def silence_lightning() -> None:
    """Silence Lightning's messages that do not apply here."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*`dataloader_iter`.*")
    warnings.filterwarnings("ignore", message="Found .* in eval mode at the start of training")  # frozen parts are
    warnings.filterwarnings("ignore", message="The `srun` command is available on your system but is not used")
