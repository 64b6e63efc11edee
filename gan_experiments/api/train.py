"""``train``: trains a run, or a sweep of runs, as ``gan-train`` does."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, overload

from gan_experiments.api.compose import as_list, compose_request, edited_request, warn
from gan_experiments.api.request import Request, checked_names, checked_request, file_problems
from gan_experiments.api.run import Run
from gan_experiments.api.run_config import checked_run
from gan_experiments.api.state import preserved_state
from gan_experiments.config.arguments import checked
from gan_experiments.config.compose import CommandLine, check_command_line
from gan_experiments.config.grid import combinations
from gan_experiments.config.schema import Config
from gan_experiments.core.checks import refuse
from gan_experiments.core.dotted import value_of
from gan_experiments.core.lock import POSIX
from gan_experiments.core.text import key_of
from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.runs.config_differences import NON_RESULT_KEYS, differences, refuse_another_config
from gan_experiments.runs.folder import WORKER, HeldError, RunFolder, is_main_process
from gan_experiments.runs.initial import find_source
from gan_experiments.runs.longer import LENGTH, changes_length, reopened, said
from gan_experiments.runs.naming import run_name
from gan_experiments.runs.summary import after_divergence
from gan_experiments.sweeps.launch import SweepJob, run_sweep, sweep_problems, tidy_overrides
from gan_experiments.sweeps.plan import Sweep, pending, plan
from gan_experiments.sweeps.shorter import shorter_runs

_WORKER_PROGRAM = (sys.executable, "-m", "gan_experiments.cli.train")  # trains the run that ``WORKER`` names
_log = logging.getLogger(__name__)
_SIGNAL = 128  # what an exit code adds to the number of a signal


@overload
def train(
    config: Mapping[str, Any] | Sequence[str] = (),
    *,
    sweep: Literal[False] = False,
    config_dir: str | Path | None = None,
    trusted: Sequence[str] = (),
) -> Run: ...


@overload
def train(
    config: Sequence[str],
    *,
    sweep: Literal[True],
    config_dir: str | Path | None = None,
    trusted: Sequence[str] = (),
) -> list[Run]: ...


@checked
def train(
    config: Mapping[str, Any] | str | Sequence[str] = (),
    *,
    sweep: bool = False,
    config_dir: str | Path | None = None,
    trusted: Sequence[str] = (),
) -> Run | list[Run]:
    """Train a run to its end, as ``gan-train`` does, and return it; with ``sweep=True`` a run of each combination.

    The run folder is named by the overrides: called again, a finished run is returned as it is, and one that was cut
    off goes on from its last checkpoint. Ctrl-C and SIGTERM save the run first and then have their usual effect.

    Args:
        config: Overrides as on the command line, or a config from ``compose``, which may have been edited.
        sweep: Train a run of each combination of values, every one in a process of its own, as ``gan-train -m`` does:
            ``["loss=hinge,wasserstein", "seed=range(0,3)"]``. Returns the runs in the order of the combinations,
            whatever became of them: see their ``status``.
        config_dir: A folder of your configs, searched besides the project's.
        trusted: Packages of yours that may be named as ``_target_``.

    Raises:
        ConfigError: Lists everything that is wrong; no run folder has been made.
        DivergedError: A loss or a gradient was no longer finite; the folder keeps the last checkpoint.
        KeyboardInterrupt: Ctrl-C was pressed; the run is saved.
    """
    if sweep:
        if isinstance(config, Mapping):
            raise ConfigError("sweep: the values of a sweep are overrides, such as ['loss=hinge,wasserstein']")
        with preserved_state():
            return _sweep(as_list(config, trusted), config_dir)
    with preserved_state():
        if isinstance(config, Mapping):
            request = edited_request(config, trusted)
        else:
            request = compose_request("train", Config, as_list(config, trusted), config_dir)
    _refuse_devices(request.config["trainer"])
    import torch  # noqa: F401 - its state is preserved, too

    with preserved_state():
        folder, code = train_request(request)
    if code is not None and code > _SIGNAL and threading.current_thread() is threading.main_thread():
        print(f"stopped and saved in {folder.path}; the same call goes on", file=sys.stderr)
        signal.raise_signal(code - _SIGNAL)
    return Run(folder.path, request.config["trusted"])


def train_request(request: Request) -> tuple[RunFolder, int | None]:
    """Find the folder that belongs to a request, and train the run in it to its end.

    Nothing is written before everything that the config, the data and the machine can answer has been asked.

    Returns:
        The folder, and 0, or 128 plus the number of the signal that stopped the run; ``None`` if it had been finished.

    Raises:
        ConfigError: The request does not fit the folder, the data or the machine, or another process trains the run.
        DivergedError: A loss or a gradient was no longer finite.
    """
    folder, config = _folder_of(request)
    saved = folder.read_config() if config["resume"] is not None else config
    longer = changes_length(saved, config)
    if folder.record().get("status") == "finished" and not longer:
        return folder, None
    from gan_experiments.training.train import fit, prepare  # torch and Lightning take seconds: after every check

    if not is_main_process():
        return folder, fit(prepare(config, folder), config, folder)
    if folder.held():
        raise HeldError(f"{folder.path}: another process is training this run")
    before = _stamp(folder)
    parts = prepare(config, folder)
    with folder.lock():
        if folder.record().get("status") == "finished" and not longer:
            refuse_another_config(folder, config)
            return folder, None
        if _stamp(folder) != before:  # what ``prepare`` has read is out of date
            raise HeldError(f"{folder.path}: another process has trained this run meanwhile; the same command goes on")
        if longer:
            folder.update_record(**reopened(folder.record(), saved, config))
            _log.warning("%s %s", folder.path, said(saved, config, parts.resumed_at or 0))
        folder.write_config({**config, "name": folder.path.name, "resume": None, "rerun": False, "retry": "none"})
        if config["resume"] is None:
            folder.update_record(overrides=request.overrides, choices=request.choices)
        os.environ[WORKER] = json.dumps([str(folder.path.resolve()), config])
        try:
            return folder, fit(parts, config, folder)
        except DivergedError as error:
            raise DivergedError(f"{error}; {after_divergence(folder, config['trusted'])}") from error
        finally:
            del os.environ[WORKER]


def _folder_of(request: Request) -> tuple[RunFolder, dict[str, Any]]:
    """Return the folder that belongs to a request, and the config of the run in it.

    Raises:
        ConfigError: The request does not fit the folder, or nothing can be written there.
    """
    config, key = request.config, "output_dir"
    if config["resume"] is not None:
        folder, key = RunFolder(config["resume"]), "resume"
        config = resumed_config(folder, request)
    else:
        name = config["name"] or run_name(request.choices, request.overrides)
        folder = RunFolder(Path(config["output_dir"]) / date.today().isoformat() / name)
    folder.check_place(key)
    if config["rerun"] and folder.path.exists():
        folder = folder.beside()
    elif folder.config_file.exists() and config["resume"] is None:
        refuse_another_config(folder, config)
    return folder, config


def _stamp(folder: RunFolder) -> list[tuple[int, int] | None]:
    """Return what changes whenever another process has begun the run or saved it: files are replaced as a whole."""
    files = [folder.config_file, folder.checkpoint("last")]
    return [(file.stat().st_ino, file.stat().st_mtime_ns) if file.exists() else None for file in files]


def train_sweep(
    line: CommandLine, warn: Callable[[str], object], report: Callable[[BaseException], int]
) -> tuple[Sweep, int]:
    """Check every combination of a sweep that is still to be trained, run it, and print how every job has ended.

    Args:
        line: Its names have been checked.
        warn: Called with each thing that can be run, but is probably unintended.
        report: Prints an error of a job and returns its exit code.

    Returns:
        The jobs, and the highest of their exit codes.

    Raises:
        ConfigError: Lists everything that is wrong in any combination.
    """
    if not POSIX:
        raise ConfigError("-m: sweeps need Linux or macOS; on Windows, run them in WSL")
    problems = [str(problem) for problem in sweep_problems(line)]
    warnings: list[str] = []
    try:
        jobs = plan(line)
        configs = pending(line, jobs)
        if configs:
            inside = Path(jobs.folder).is_relative_to(line.config().output_dir)  # type: ignore[union-attr]
            RunFolder(jobs.folder).check_place("output_dir" if inside else "hydra.sweep.dir")
    except ConfigError as error:
        problems += error.problems
        configs = combinations(line)
    for config in configs:  # torch is imported with the first whose files are there
        try:
            refuse(file_problems(line, config))
            if (source := checked_request(line, Config, warnings.append, config).config.get("init_from")) is not None:
                find_source(source)
        except ConfigError as error:
            problems += error.problems
    refuse(problems)
    for warning in dict.fromkeys([*warnings, *shorter_runs(jobs, line.trusted)]):
        warn(warning)
    return jobs, run_sweep(line, jobs, SweepJob(_WORKER_PROGRAM, line.trusted, report))


def resumed_config(folder: RunFolder, request: Request) -> dict[str, Any]:
    """Return the config of the run to go on with; only its length, its processes and the place of its data may change.

    Raises:
        ConfigError: The folder is no run, its config cannot be used, or an override says something else.
    """
    config = request.config
    given = set(map(key_of, request.overrides))
    edits = {key: value_of(config, key) for key in LENGTH if key in given} | dict(request.places)
    saved = checked_run(folder, config["trusted"], list(given - request.choices.keys()), edits)
    changed = given - {*NON_RESULT_KEYS, *LENGTH}
    if any(key.split(".")[0] == "trainer" for key in changed):
        saved["trainer"] = {**config["trainer"], "precision": saved["trainer"]["precision"]}
    keys = []
    for key in sorted(changed):
        if key in ("experiment", "study"):
            keys += differences(saved, config)
        else:
            keys += differences(value_of(saved, key), value_of(config, key), f"{key}.")
    if keys:
        both = [(key, value_of(saved, key), value_of(config, key)) for key in dict.fromkeys(keys)]
        lines = [f"{key}: {old} in the run, {new} here" for key, old, new in both]
        hint = f"a resumed run keeps its config but for {' and '.join(LENGTH)}; without resume= a new run starts"
        raise ConfigError([*lines, hint])
    return {**saved, "resume": config["resume"], "rerun": False, "trusted": config["trusted"]}


def _sweep(overrides: list[str], config_dir: str | Path | None) -> list[Run]:
    overrides = [*overrides, *tidy_overrides(overrides)]
    line = checked_names(check_command_line("train", Config, overrides, config_dir, multirun=True))
    jobs, _ = train_sweep(line, warn, _report)
    return [Run(job.folder.path, line.trusted) for job in jobs.jobs()]


def _refuse_devices(trainer: Mapping[str, Any]) -> None:
    """Refuse several processes: Lightning starts them by running this program, whatever it is, again.

    Raises:
        ConfigError: The trainer may start more than one.
    """
    if (trainer["devices"], trainer["num_nodes"]) != (1, 1):
        processes = f"{trainer['devices']} on {trainer['num_nodes']} node{'s' if trainer['num_nodes'] != 1 else ''}"
        raise ConfigError(
            f"trainer.devices: {processes}: a run of several processes cannot start inside this one; "
            "train(..., sweep=True) and gan-train start it in processes of its own"
        )


def _report(error: BaseException) -> int:
    traceback.print_exception(error)
    return 1
