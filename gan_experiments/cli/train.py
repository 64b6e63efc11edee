"""``gan-train``: train the run that the command line describes, go on with it, or say that it is finished."""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from omegaconf import OmegaConf

from gan_experiments.cli._command import Request, checked_request, checked_run, command, report
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import CommandLine, combinations
from gan_experiments.config.schema import Config
from gan_experiments.core.dotted import value_of
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import NON_RESULT_KEYS, differences, refuse_another_config
from gan_experiments.runs.folder import WORKER, HeldError, RunFolder, is_main_process
from gan_experiments.runs.naming import run_name
from gan_experiments.runs.summary import shown, summary
from gan_experiments.sweeps.job import end_with_parent
from gan_experiments.sweeps.launch import SweepJob, run_sweep, sweep_problems, tidy_overrides

_PROGRAM = (sys.executable, "-m", "gan_experiments.cli.train")


def main() -> None:
    """Run the command; in a process that was started for a run: train that."""
    if WORKER not in os.environ:
        command("train", Config, run, sweep, tidy_overrides)
    end_with_parent()
    folder, config = json.loads(os.environ[WORKER])
    try:
        code = _train_job(config, RunFolder(folder))
    except Exception as error:
        code = report(error)
    _leave(code)


def _train_job(config: Mapping[str, Any], folder: RunFolder) -> int:
    """Train a run in a process of its own; what the process above could not check without torch is checked here."""
    if is_main_process():
        errors = check_config(OmegaConf.create(dict(config)), Config, config["trusted"]).errors
        if errors:
            raise ConfigError([str(problem) for problem in errors])
    from gan_experiments.training.train import train

    return train(config, folder)


def _leave(code: int) -> NoReturn:
    """End this process at once: taking torch and Lightning apart, object by object, would last two seconds."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def sweep(line: CommandLine, schema: type) -> int:
    """Check every combination of a sweep, run it, and show how every job has ended."""
    problems = [str(problem) for problem in sweep_problems(line)]
    for config in combinations(line):
        try:
            checked_request(line, schema, config)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return run_sweep(line, SweepJob(_PROGRAM, line.trusted, report))


def run(request: Request) -> int:
    """Find the folder that belongs to the command, and bring the run in it to its end.

    Nothing is written before everything that the config, the data and the machine can answer has been asked.
    """
    config = request.config
    if config["resume"] is not None:
        folder = RunFolder(config["resume"])
        config = resumed_config(folder, request)
    else:
        name = config["name"] or run_name(request.choices, request.overrides)
        folder = RunFolder(Path(config["output_dir"]) / date.today().isoformat() / name)
    if config["rerun"] and folder.path.exists():
        folder = folder.beside()
    elif folder.config_file.exists():
        refuse_another_config(folder, config)
    if folder.record().get("status") == "finished":
        print(f"{shown(folder.path)} is finished (rerun=true trains it again beside it)\n")
        print(summary(folder))
        return 0
    from gan_experiments.training.train import fit, prepare  # torch and Lightning take seconds: after every check

    if not is_main_process():
        return fit(prepare(config, folder), config, folder)
    if folder.held():
        raise HeldError(f"{folder.path}: another process is training this run")
    parts = prepare(config, folder)
    with folder.lock():
        folder.write_config({**config, "name": folder.path.name, "resume": None, "rerun": False, "retry": "none"})
        if config["resume"] is None:
            folder.update_record(overrides=request.overrides, choices=request.choices)
        os.environ[WORKER] = json.dumps([str(folder.path.resolve()), config])
        try:
            code = fit(parts, config, folder)
        finally:
            del os.environ[WORKER]
    return _last_words(folder, code)


def resumed_config(folder: RunFolder, request: Request) -> dict[str, Any]:
    """Return the config of the run to go on with; only how many processes carry it may change.

    Raises:
        ConfigError: The folder is no run, its config cannot be used, or an override says something else.
    """
    config = request.config
    saved = checked_run(folder, Config, config["trusted"])
    changed = {override.lstrip("+").split("=", 1)[0] for override in request.overrides} - set(NON_RESULT_KEYS)
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
        raise ConfigError([*lines, "a resumed run keeps its config; without resume= a new run starts"])
    return {**saved, "resume": config["resume"], "rerun": False, "trusted": config["trusted"]}


def _last_words(folder: RunFolder, code: int) -> int:
    if code == 0:
        print(f"\n{summary(folder)}")
    else:
        record = folder.record()
        seen, budget = record["images_seen"], record["budget"]["images"]
        print(f"\nstopped and saved at {seen:,} of {budget:,} images; go on with", file=sys.stderr)
        print(f"  gan-train resume={shown(folder.path)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
