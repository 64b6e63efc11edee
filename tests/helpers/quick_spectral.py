"""Spectral normalization whose power method takes half the time: networks begin with 15 iterations of each layer.

``tests/networks/test_layers.py`` compares with torch.
"""

import torch
from torch.linalg import vector_norm
from torch.nn.utils import parametrizations

NORM = parametrizations._SpectralNorm
ORIGINAL = NORM._power_method


def make_quick():
    """Let it be quick until this process ends."""
    NORM._power_method = _power_method


@torch.no_grad()
def _power_method(norm, matrix, iterations):
    """Do what torch does, without asking for the vectors and storing them again each time."""
    if matrix.is_meta:  # some watch what torch does there
        return ORIGINAL(norm, matrix, iterations)
    left, right = norm._u, norm._v
    halves = ((matrix, right, left), (matrix.H, left, right))
    with torch._C.DisableTorchFunction():  # which counts the memory that is asked for, also by each of these
        for _ in range(iterations):
            for factor, other, vector in halves:
                product = torch.mv(factor, other)
                length = vector_norm(product, 2.0, 0, keepdim=True).clamp_min_(norm.eps)
                torch.div(product, length.expand_as(product), out=vector)
    return None
