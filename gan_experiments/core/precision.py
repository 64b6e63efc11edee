"""Computing in full float32 whatever the precision of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor


def in_float32(values: Tensor) -> Tensor:
    """Return ``values`` in at least float32: half precision is converted, float64 stays."""
    if values.dtype == torch.float32:  # asking for the promoted type takes longer
        return values
    return values.to(torch.promote_types(values.dtype, torch.float32))


def without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """Return a context without autocast, which is no context where there is none: entering one takes time."""
    return torch.autocast(device.type, enabled=False) if torch.is_autocast_enabled(device.type) else nullcontext()


@contextmanager
def full_float32() -> Iterator[None]:
    """Disable TF32 inside: PyTorch's default for convolutions on GPUs, with ten bits of precision."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        _allow_tf32("highest", False)
        yield
    finally:
        _allow_tf32(*before)


def _allow_tf32(matmul: str, cudnn: bool) -> None:
    torch.set_float32_matmul_precision(matmul)
    torch.backends.cudnn.allow_tf32 = cudnn
