"""Exchange of values between processes, and work that several processes share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn import functional as differentiable
from torch.multiprocessing.spawn import ProcessExitedException, spawn

from gan_experiments.core.types import ConfigError

Value = TypeVar("Value")


def world_size() -> int:
    """Return the number of processes that can exchange values; 1 where there are no others."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_over_processes(values: Tensor) -> Tensor:
    """Return the mean of ``values`` over all processes, the same on each; no gradient passes through it."""
    values = values.detach()
    if world_size() > 1:
        values = values.clone()
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values


def gathered(values: Tensor) -> Tensor:
    """Return the values of all processes by rank, ``(processes * B, ...)``, the same on each.

    The backward pass adds up the gradients of all processes, which averaging over them divides by their number, so that
    a mean over processes of losses of gathered values has the gradient that one process would compute.
    """
    if world_size() == 1:
        return values
    slots = [torch.zeros_like(values)] * dist.get_world_size()
    slots[dist.get_rank()] = values
    everything: Tensor = differentiable.all_reduce(torch.cat(slots))  # type: ignore[no-untyped-call]
    return everything


def all_gather(value: Value) -> list[Value]:
    """Return the values of all processes by rank, the same on each; tensors must be on the CPU."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def share_work(work: Callable[[int, int], dict[str, Any]], processes: int, on_gpus: bool) -> dict[str, Any]:
    """Return what ``work(rank, world_size)`` returns in the first of several processes, which can exchange values.

    Args:
        work: Can be pickled, and returns plain values.
        processes: How many; a single one is this process itself.
        on_gpus: Whether each process has a GPU of its own.

    Raises:
        ConfigError: ``work`` raises it in one of the processes.
    """
    if processes == 1:
        return work(0, 1)
    with TemporaryDirectory() as folder:
        threads = max(1, torch.get_num_threads() // processes)
        try:
            spawn(_process, (work, processes, on_gpus, threads, folder), nprocs=processes)  # type: ignore[no-untyped-call]
        except ProcessExitedException:
            problems = Path(folder) / "problems.json"
            if not problems.exists():
                raise
            raise ConfigError(json.loads(problems.read_text(encoding="utf-8"))) from None
        result: dict[str, Any] = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
        return result


@contextmanager
def main_process_first(rank: int, world_size: int) -> Iterator[None]:
    """Let the first process do the block before all others, which then find its files."""
    if world_size > 1 and rank:
        dist.barrier()
    yield
    if world_size > 1 and not rank:
        dist.barrier()


def _process(
    rank: int, work: Callable[[int, int], dict[str, Any]], processes: int, on_gpus: bool, threads: int, folder: str
) -> None:
    if on_gpus:
        torch.cuda.set_device(rank)
    torch.set_num_threads(threads)
    store = f"file://{folder}/store"
    dist.init_process_group("nccl" if on_gpus else "gloo", init_method=store, rank=rank, world_size=processes)
    try:
        result = work(rank, processes)
    except ConfigError as error:
        (Path(folder) / "problems.json").write_text(json.dumps(list(error.problems)), encoding="utf-8")
        sys.exit(1)
    if not rank:
        (Path(folder) / "result.json").write_text(json.dumps(result), encoding="utf-8")
    dist.barrier()
    dist.destroy_process_group()
