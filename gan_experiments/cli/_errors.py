"""How a command says that it has failed: a line for each problem, and an exit code for each kind of error."""

from __future__ import annotations

import errno
import shutil
import sys
import traceback
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.core.escape import printable
from gan_experiments.core.text import first_line
from gan_experiments.core.types import ConfigError, DivergedError

CONFIG_ERROR, DIVERGED = 2, 3  # exit codes

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG)


def report(error: BaseException) -> int:
    """Print an error, a line for each problem of a config or a traceback, and return the exit code."""
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        error = ConfigError(" ".join(str(error).split()))
    if isinstance(error, ConfigError):
        count = len(error.problems)
        print(f"Config error: {count} problem{'s' if count > 1 else ''}", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in error.problems), file=sys.stderr)
        return CONFIG_ERROR
    if isinstance(error, DivergedError):
        print(f"Diverged: {printable(str(error))}", file=sys.stderr)
        return DIVERGED
    if isinstance(error, OSError) and error.errno in _FULL:
        text = f"Disk full: {printable(str(error))}{_space(error.filename)}. The last checkpoint is whole"
        print(f"{text}; the same command goes on from it.", file=sys.stderr)
        return 1
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE and error.filename is not None:
        print(f"Cannot be written: {printable(str(error.filename))}: {error.strerror}", file=sys.stderr)
        return 1
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        hint = "batch_size, metrics.batch_size and the sizes of the networks decide how much a run takes"
        print(f"Out of memory: {first_line(error)}; {hint}", file=sys.stderr)
        return 1
    lines = "".join(traceback.format_exception(error)).splitlines()
    print("\n".join(map(printable, lines)), file=sys.stderr)
    return 1


def _space(path: str | None) -> str:
    """Say how much space is left where a file could not be written."""
    folder = Path(path or ".").absolute()
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return f" ({shutil.disk_usage(existing).free:,} bytes are free)"
