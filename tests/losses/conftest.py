import numpy as np
import pytest
import torch


@pytest.fixture
def outputs():
    """Outputs for reals and fakes: float64 tensors that require a gradient, and the same as NumPy arrays."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0.5, 2.0, 7), rng.normal(-0.5, 2.0, 7)
    return torch.tensor(real, requires_grad=True), torch.tensor(fake, requires_grad=True), real, fake
