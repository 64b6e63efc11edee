"""Exchange of values between the processes of a run."""

from __future__ import annotations

from typing import Any, TypeVar

import torch.distributed as dist
from torch import Tensor

Value = TypeVar("Value")


def mean_over_processes(values: Tensor) -> Tensor:
    """Return the mean of ``values`` over all processes, the same on each; no gradient passes through it."""
    values = values.detach()
    if dist.is_available() and dist.is_initialized():
        values = values.clone()
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values


def all_gather(value: Value) -> list[Value]:
    """Return the values of all processes by rank, the same on each; tensors must be on the CPU."""
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values
