"""What all commands share: read the command line, check it, run the job or jobs, end with the right code."""

from __future__ import annotations

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.cli._arguments import Arguments, read_arguments
from gan_experiments.cli._help import help_page
from gan_experiments.config.compose import Examination, examine
from gan_experiments.config.loader import VERSION_BASE, root_dir
from gan_experiments.config.plugins import plugin_defaults
from gan_experiments.config.schema import Config, check
from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.runs.folder import RunFolder

CONFIG_ERROR, DIVERGED, INTERRUPTED = 2, 3, 130  # exit codes

# Hydra would make a folder of its own per run, log into it, and go there.
_TIDY = {"hydra.run.dir": ".", "hydra.output_subdir": "null", "hydra/job_logging": "none", "hydra.job.chdir": "false"}
_TIDY_SWEEP = {"hydra.sweep.subdir": ".", "hydra/hydra_logging": "none"}
_OF_SWEEPS = ("hydra/launcher=", "hydra/sweeper=", "hydra.launcher.", "hydra.sweeper.", "hydra.sweep.")
_UNTIDY = "multirun/"  # where Hydra puts a sweep that nobody has given a folder

# An int is an exit code; a float is what a sweeper optimizes.
Job = Callable[[DictConfig], "int | float | None"]

# Given what the command line comes to and what starts its jobs, runs a sweep; returns the exit code.
Sweep = Callable[[Examination, Callable[[], int]], int]


class JobFailed(Exception):  # noqa: N818 - tells Hydra, and has been told the user
    """A job of a sweep ended with the exit code ``code``; what went wrong has been printed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def command(config_name: str, schema: type, function: Job, sweep: Sweep | None = None) -> None:
    """Run a command: its config is composed from ``sys.argv``, checked, and handed to ``function``. Does not return.

    Exit codes: that of ``function``; 1 for an error that is not the user's; 2 for a config that cannot be run; 3 for a
    run that diverged; 130 for an interruption. In a sweep: the highest of its jobs.

    Args:
        config_name: The root config.
        schema: Its dataclass.
        function: What to do with the config; ``trusted`` in it is what the command line says, whatever files say.
        sweep: What to do around the jobs of a sweep.
    """
    try:
        code = _command(config_name, schema, function, sweep)
    except Exception as error:
        code = report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)


def report(error: BaseException) -> int:
    """Print an error as it deserves, a line each or a traceback, and return the exit code."""
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        error = ConfigError(" ".join(str(error).split()))
    if isinstance(error, ConfigError):
        count = len(error.problems)
        print(f"Config error: {count} problem{'s' if count > 1 else ''}", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in error.problems), file=sys.stderr)
        return CONFIG_ERROR
    if isinstance(error, DivergedError):
        print(f"Diverged: {error}", file=sys.stderr)
        return DIVERGED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        print(f"Disk full: {error}. The last checkpoint is whole; the same command goes on from it.", file=sys.stderr)
        return 1
    traceback.print_exception(error)
    return 1


def checked_run(folder: RunFolder, trusted: Sequence[str] = ()) -> dict[str, Any]:
    """Return the config of a run, checked: the folder may come from a stranger.

    Raises:
        ConfigError: It is no run, or its config cannot be used.
    """
    config = folder.read_config()
    problems = check(OmegaConf.create(config), Config, trusted)
    if problems:
        raise ConfigError([f"{folder.config_file}: {problem}" for problem in problems])
    return config


class _Job:
    """What Hydra calls with the config of each job.

    Attributes:
        trusted: The packages that the command line trusts.
        codes: Exit codes of the jobs that this process has run.
    """

    def __init__(self, function: Job, schema: type, sweeps: bool) -> None:
        functools.update_wrapper(self, function)  # Hydra names the job after the function's module
        self.trusted: list[str] = []
        self.codes: list[int] = []
        self._function = function
        self._schema = schema
        self._sweeps = sweeps

    def __call__(self, config: DictConfig) -> Any:
        """Check the config, which in a sweep nobody has seen as a whole yet, and run the job."""
        outcome: int | float | None = None
        try:
            if "trusted" in config:
                config["trusted"] = self.trusted
            if problems := check(config, self._schema, self.trusted):
                raise ConfigError(problems)
            OmegaConf.resolve(config)
            outcome = self._function(config)
            code = outcome if isinstance(outcome, int) else 0
        except Exception as error:
            if self._sweeps:
                print(f"job {' '.join(HydraConfig.get().overrides.task)}:", file=sys.stderr)
            code = report(error)
        self.codes.append(code)
        if code and self._sweeps:
            raise JobFailed(code)  # the others go on, and a sweeper knows not to count on this one
        return outcome


def _command(config_name: str, schema: type, function: Job, sweep: Sweep | None) -> int:
    options = read_arguments(sys.argv[1:])
    if options.version or options.help:
        told = f"gan-experiments {version('gan-experiments')}"
        _say(told if options.version else help_page(config_name, options.config_dir))
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets exceptions come back here instead of printing them there
    job = _Job(function, schema, options.multirun)
    found = Examination()
    if options.runs or options.cfg:
        found = _examined(config_name, schema, options)
        job.trusted = found.trusted
        sys.argv = [sys.argv[0], *options.flags, *found.overrides]
    start = hydra.main(version_base=VERSION_BASE, config_path=str(root_dir(config_name)), config_name=config_name)(job)
    if sweep is not None and options.multirun and options.runs:
        return sweep(found, lambda: _start(start, job))
    return _start(start, job)


def _start(start: Callable[[], Any], job: _Job) -> int:
    try:
        start()
    except JobFailed as failure:
        job.codes.append(failure.code)
    return max(job.codes, default=0)


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head` has seen enough; at exit Python would flush, and complain, once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _examined(config_name: str, schema: type, options: Arguments) -> Examination:
    """Return what the command line comes to, with what keeps Hydra tidy.

    Raises:
        ConfigError: Names everything that is wrong.
    """
    trains = schema is Config
    tidy = dict(_TIDY)
    if options.multirun and trains:
        tidy |= _TIDY_SWEEP | plugin_defaults(options.overrides)
    own = [
        f"{key}={value}" for key, value in tidy.items() if not any(it.startswith(f"{key}=") for it in options.overrides)
    ]
    found = examine(
        options.config_name or config_name,
        schema,
        [*options.overrides, *own],
        options.config_dir,
        multirun=options.multirun,
        foreign=options.config_name is not None,
    )
    problems = [str(problem) for problem in found.problems if not (problem.missing and options.cfg)]
    study = found.composer.choice("study") if found.composer else None
    if options.runs and not options.multirun:
        told = [line for line in options.overrides if line.startswith(_OF_SWEEPS)] + [f"study={study}"] * bool(study)
        problems += [f"{line.partition('=')[0]}: belongs to a sweep, which needs -m" for line in told]
    if problems:
        raise ConfigError(problems)
    for warning in found.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    if options.multirun and trains and found.composer and found.composer.sweep_dir.startswith(_UNTIDY):
        found.add(f"hydra.sweep.dir=${{output_dir}}/{study or date.today().isoformat()}")  # the same past midnight
    return found
