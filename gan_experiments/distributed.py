"""What the processes of a run have to agree on."""

from __future__ import annotations

import torch.distributed as dist
from torch import Tensor


def mean_over_processes(values: Tensor) -> Tensor:
    """Return the mean of ``values`` over all processes, the same on each; no gradient passes through it."""
    values = values.detach()
    if dist.is_available() and dist.is_initialized():
        values = values.clone()
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values
