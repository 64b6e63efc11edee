"""``gan-train``: train the run that the command line describes, or go on with it, or say that it is done."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from gan_experiments.cli._main import checked_run, command, report
from gan_experiments.config.compose import Examination
from gan_experiments.config.schema import Config
from gan_experiments.core.dotted import value_of
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import NON_RESULT_KEYS, differences, refuse_another_config
from gan_experiments.runs.folder import WORKER, RunFolder, is_main_process
from gan_experiments.runs.naming import own_choices, run_name
from gan_experiments.runs.summary import shown, summary
from gan_experiments.sweeps.job import end_with_parent, run_job
from gan_experiments.sweeps.plan import plan
from gan_experiments.sweeps.progress import SweepProgress
from gan_experiments.sweeps.table import print_table

_PROGRAM = (sys.executable, "-m", "gan_experiments.cli.train")


def main() -> None:
    """Run the command; in a process that was started for a run: train that."""
    if WORKER not in os.environ:
        command("train", Config, run, sweep)
    end_with_parent()
    folder, config = json.loads(os.environ[WORKER])
    try:
        code = _train(config, RunFolder(folder))
    except Exception as error:
        code = report(error)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End this process at once: taking torch and Lightning apart, object by object, would last two seconds."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def sweep(found: Examination, launch: Callable[[], int]) -> int:
    """Run a sweep, show how it goes on, and at its end, whatever that is, how every job has ended."""
    assert found.composer is not None
    jobs = plan(found.composer)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with SweepProgress(jobs):
            code = launch()
    finally:
        signal.signal(signal.SIGTERM, before)
        failed = print_table(jobs)
    return max(code, failed)


def run(cfg: DictConfig) -> int:
    """Find the folder that belongs to the command, and bring the run in it to its end."""
    hydra = HydraConfig.get()
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    told = {"overrides": list(hydra.overrides.task), "choices": own_choices(hydra.runtime.choices)}
    if hydra.mode == RunMode.MULTIRUN:
        run_job(find_folder(config), config, told, _PROGRAM)
        return 0
    if config["resume"] is not None:
        folder = RunFolder(config["resume"])
        config = resumed_config(folder, config, list(hydra.overrides.task), dict(hydra.runtime.choices))
    else:
        folder = find_folder(config)
    if config["rerun"] and folder.path.exists():
        folder = folder.beside()
    elif folder.config_file.exists():
        refuse_another_config(folder, config)
    if folder.record().get("status") == "finished":
        print(f"{shown(folder.path)} is finished (rerun=true trains it again beside it)\n")
        print(summary(folder))
        return 0
    if not is_main_process():
        return _train(config, folder)
    with folder.lock():
        folder.write_config({**config, "name": folder.path.name, "resume": None, "rerun": False, "retry": "none"})
        if config["resume"] is None:
            folder.update_record(**told)
        os.environ[WORKER] = json.dumps([str(folder.path.resolve()), config])
        try:
            code = _train(config, folder)
        finally:
            del os.environ[WORKER]
    return _last_words(folder, code)


def find_folder(config: Mapping[str, Any]) -> RunFolder:
    """Return the folder of a run: below the day's, or the sweep's, named by its overrides unless it has a name."""
    hydra = HydraConfig.get()
    sweeps = hydra.mode == RunMode.MULTIRUN
    parent = Path(hydra.sweep.dir) if sweeps else Path(config["output_dir"]) / date.today().isoformat()
    name = config["name"] or run_name(own_choices(hydra.runtime.choices), list(hydra.overrides.task))
    return RunFolder(parent / name)


def resumed_config(
    folder: RunFolder, config: Mapping[str, Any], overrides: Sequence[str], choices: Mapping[str, str]
) -> dict[str, Any]:
    """Return the config of the run to go on with; only how many processes carry it may be told anew.

    Raises:
        ConfigError: The folder is no run, its config cannot be used, or an override says something else.
    """
    saved = checked_run(folder, config["trusted"])
    told = {override.lstrip("+").split("=", 1)[0] for override in overrides} - set(NON_RESULT_KEYS)
    if any(key.split(".")[0] == "trainer" for key in told):
        saved["trainer"] = {**config["trainer"], "precision": saved["trainer"]["precision"]}
    keys = []
    for key in sorted(told):
        if key in ("experiment", "study"):
            keys += differences(saved, config)
        else:
            keys += differences(value_of(saved, key), value_of(config, key), f"{key}.")
    if keys:
        both = [(key, value_of(saved, key), value_of(config, key)) for key in dict.fromkeys(keys)]
        lines = [f"{key}: {old} in the run, {new} here" for key, old, new in both]
        raise ConfigError([*lines, "a resumed run keeps its config; without resume= a new run starts"])
    return {**saved, "resume": config["resume"], "rerun": False, "trusted": config["trusted"]}


def _train(config: Mapping[str, Any], folder: RunFolder) -> int:
    from gan_experiments.training.train import train  # torch and Lightning take seconds: after every check

    return train(config, folder)


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
