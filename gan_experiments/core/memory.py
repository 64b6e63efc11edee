"""Memory: how much there is, and errors of a config for what does not fit into it."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gan_experiments.core.dotted import flatten
from gan_experiments.core.lock import POSIX
from gan_experiments.core.text import first_line, show
from gan_experiments.core.types import ConfigError

if POSIX:
    import resource

_CREATORS: frozenset[Callable[..., Any]] = frozenset({
    torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.randperm,
    torch.arange, torch.linspace, torch.Tensor.clone,
})  # fmt: skip
_NOT_ON_META = ("generator", "device", "out", "pin_memory")
_LARGE = 2**24  # bytes, from which on the memory in use is asked for
# Of the operating system's limits; the first is that of control groups, such as a container's.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MESSAGES = re.compile(r"allocate|overflow|out of memory|array is too big|maximum allowed dimension", re.IGNORECASE)


@cache
def total_memory() -> int:
    """Return the bytes of memory that this process may use: those of the machine, unless it is given less."""
    if not POSIX:
        return sys.maxsize  # Windows does not say: the error of an allocation is shown as it comes
    page, pages = (os.sysconf(name) for name in ("SC_PAGE_SIZE", "SC_PHYS_PAGES"))
    limits = [int(text) for file in _LIMITS if file.exists() and (text := file.read_text().strip()).isdigit()]
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    return min([page * pages, *limits, *([own] if own != resource.RLIM_INFINITY else [])])


def used_memory() -> int:
    """Return the bytes that this process uses; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def peak_memory() -> int | None:
    """Return the most bytes that this process has used, those of the GPU where it uses one; ``None``: unknown."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return int(torch.cuda.max_memory_allocated())
    if not POSIX:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def show_bytes(count: float) -> str:
    """Return a number of bytes as people read it: ``1.5 GB``."""
    power = min(int(math.log10(max(count, 1))) // 3, 4)
    return f"{count / 1000**power:,.1f} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that there is not as much memory as was asked for, or that nobody could count it."""
    kinds = (MemoryError, OverflowError)
    return isinstance(error, kinds) or (
        isinstance(error, (RuntimeError, TypeError, ValueError)) and bool(_MESSAGES.search(str(error)))
    )


@contextmanager
def within_memory(key: str, options: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Refuse what the block allocates beyond the memory of the machine, before the system ends the process for it.

    Args:
        key: What is built or read in the block, as a key of the config.
        options: Its options, of which the largest is named.

    Raises:
        ConfigError: It is too large.
    """
    try:
        with _Allocations():
            yield
    except Exception as error:
        if isinstance(error, ConfigError) or not out_of_memory(error):
            raise
        where = f"the {show_bytes(total_memory())} of memory here{_largest(options)}"
        raise ConfigError(f"{key}: too large for {where}: {first_line(error)}") from error


class _Allocations(TorchFunctionMode):
    """Raises before a tensor is made that does not fit into memory beside what the process uses."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _CREATORS:
            size = _bytes_of(func, args, kwargs)
            if size > _LARGE and size + used_memory() > total_memory():
                raise MemoryError(f"it needs another {show_bytes(size)} beside {show_bytes(used_memory())} in use")
        return func(*args, **kwargs)


def _bytes_of(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    if func is torch.Tensor.clone:
        return int(args[0].nbytes)
    options = {name: value for name, value in kwargs.items() if name not in _NOT_ON_META}
    return int(func(*args, **options, device="meta").nbytes)


def _largest(options: Mapping[str, Any] | None) -> str:
    """Return the largest number among options, as a hint."""
    numbers = {
        name: item
        for name, value in flatten(options or {}).items()
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, int)
    }
    name = max(numbers, key=numbers.__getitem__, default="")
    return f" ({name}={show(numbers[name])})" if name else ""
