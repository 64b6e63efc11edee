"""What all commands share: read the command line, check it, run the job or the sweep, end with the right exit code."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gan_experiments.api.request import Request, checked_request, file_problems, name_problems
from gan_experiments.cli._answers import answer, print_config
from gan_experiments.cli._arguments import read_arguments, with_words
from gan_experiments.cli._errors import report
from gan_experiments.config.compose import CommandLine, check_command_line
from gan_experiments.core.checks import Problem, refuse
from gan_experiments.core.escape import printable
from gan_experiments.core.signals import Interrupted
from gan_experiments.core.types import ConfigError

INTERRUPTED = 130  # exit code

Job = Callable[[Request], int]  # returns an exit code
Sweep = Callable[[CommandLine], int]
Tidy = Callable[[list[str]], list[str]]


def command(
    config_name: str,
    schema: type,
    job: Job,
    sweep: Sweep | None = None,
    tidy: Tidy = list,
    words: str | None = None,
) -> None:
    """Run a command: its config is composed from ``sys.argv``, checked, and handed to ``job``. Does not return.

    Exit codes: that of ``job``; 1 for an error that is not the user's; 2 for a config that cannot be run; 3 for a run
    that diverged; 130 for an interruption. In a sweep: the highest of its jobs.

    Args:
        config_name: The root config.
        schema: Its dataclass.
        job: Does what the config says.
        sweep: Runs the jobs of a sweep, if the command can.
        tidy: Returns overrides that a sweep with the given ones needs besides.
        words: The key whose value words without a key are; several are a list.
    """
    limit_spinning()
    try:
        code = _command(config_name, schema, job, sweep, tidy, words)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; at exit Python would flush, and complain, once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = report(error)
    except (KeyboardInterrupt, Interrupted) as error:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else int(error.code or 0)
    sys.exit(code)


def limit_spinning() -> None:
    """Let threads of torch that wait for each other sleep soon, which has to be said before torch is imported.

    By default they spin for milliseconds. Where more processes want to run than there are cores, the thread that is
    waited for then does not get one: training digits took more than 20 times as long on two cores with a load of 8.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # about 30 microseconds


@contextmanager
def no_collection(last: bool = False) -> Iterator[None]:
    """Keep Python's collector of cycles off: going through what stays takes a tenth to a fifth of the time.

    If this is the ``last`` that the process does, what is left then goes with the process, uncollected: a tenth more.
    """
    if last:
        atexit.register(gc.freeze)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def print_warning(text: str) -> None:
    """Print what can be run, but is probably unintended."""
    print(f"Warning: {printable(text)}", file=sys.stderr)


def _command(config_name: str, schema: type, job: Job, sweep: Sweep | None, tidy: Tidy, words: str | None) -> int:
    options = read_arguments(sys.argv[1:], config_name)
    problems: list[Problem | str] = options.problems
    if options.version or options.help or options.for_hydra:
        refuse(problems)
        answer(options, config_name)
        return 0
    if options.multirun and sweep is None:
        problems.append("-m: this command has no sweeps")
    try:
        given = options.overrides if words is None else with_words(words, options.overrides)
        lines = [*given, *(tidy(given) if options.multirun and sweep else ())]
        name = options.config_name or config_name
        line = check_command_line(name, schema, lines, options.config_dir, options.multirun)
    except ConfigError as error:  # of what there is nothing to check in
        raise ConfigError([*map(str, problems), *error.problems]) from None
    problems += name_problems(line, partial=options.cfg is not None)
    if problems or not (options.multirun or options.cfg):
        problems += file_problems(line)
    refuse(problems)
    if options.cfg:
        print_config(line, options)
        return 0
    if sweep is not None and options.multirun:
        return sweep(line)
    with no_collection():
        request = checked_request(line, schema, print_warning)
    return job(request)
