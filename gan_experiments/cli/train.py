"""``gan-train``: train the run that the command line describes, go on with it, or say that it is finished."""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from gan_experiments.api.request import Request
from gan_experiments.api.train import train_request, train_sweep
from gan_experiments.cli._command import command, limit_spinning, no_collection, print_warning
from gan_experiments.cli._errors import report
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import CommandLine
from gan_experiments.config.schema import Config
from gan_experiments.core.checks import refuse
from gan_experiments.runs.folder import WORKER, RunFolder, is_main_process
from gan_experiments.runs.summary import as_argument, shown, summary
from gan_experiments.sweeps.fork_server import SERVER, serve
from gan_experiments.sweeps.job import end_with_parent
from gan_experiments.sweeps.launch import tidy_overrides

# What every job imports, and what most do.
_OF_JOBS = ("gan_experiments.training.train", "gan_experiments.systems.gan", "torch.utils.tensorboard")


def main() -> None:
    """Run the command; in a process that was started for a run: train that."""
    limit_spinning()
    if SERVER in os.environ:
        serve(_OF_JOBS)  # goes on here in each process that is forked, for a run
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
    with no_collection():
        if is_main_process():
            refuse(check_config(dict(config), Config, config["trusted"]).errors)
        from gan_experiments.training.train import train

    return train(config, folder)


def _leave(code: int) -> NoReturn:
    """End this process at once: taking torch and Lightning apart, object by object, would last two seconds."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def sweep(line: CommandLine) -> int:
    """Check every combination of a sweep, run it, and show how every job has ended."""
    _, code = train_sweep(line, print_warning, report)
    return code


def run(request: Request) -> int:
    """Find the folder that belongs to the command, and bring the run in it to its end."""
    folder, code = train_request(request)
    if code is None:
        print(f"{shown(folder.path)} is finished (rerun=true trains it again beside it)\n")
        print(summary(folder, request.config["trusted"]))
        return 0
    return _last_words(folder, code, request.config["trusted"]) if is_main_process() else code


def _last_words(folder: RunFolder, code: int, trusted: Sequence[str]) -> int:
    if code == 0:
        print(f"\n{summary(folder, trusted)}")
    else:
        record = folder.record()
        seen, budget = record["images_seen"], record["budget"]["images"]
        print(f"\nstopped and saved at {seen:,} of {budget:,} images; go on with", file=sys.stderr)
        print(f"  gan-train resume={as_argument(folder, trusted)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
