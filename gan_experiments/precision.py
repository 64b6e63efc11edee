"""What is computed more precisely than the networks around it."""

from __future__ import annotations

import torch
from torch import Tensor


def in_float32(values: Tensor) -> Tensor:
    """Return ``values`` in float32 if they come in half precision; float64 stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
