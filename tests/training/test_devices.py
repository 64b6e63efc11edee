import pytest
import torch

from gan_experiments.core.types import ConfigError
from gan_experiments.training import devices
from gan_experiments.training.devices import device_for_measuring


@pytest.fixture
def machine(monkeypatch):
    def has(cuda, mps):
        for accelerator, here in ((devices.CUDAAccelerator, cuda), (devices.MPSAccelerator, mps)):
            monkeypatch.setattr(accelerator, "is_available", lambda here=here: here)
            monkeypatch.setattr(accelerator, "auto_device_count", lambda here=here: int(here))

    return has


@pytest.mark.parametrize(
    ("accelerator", "cuda", "mps", "device"),
    [
        ("cpu", True, False, "cpu"),
        ("gpu", True, False, "cuda"),
        ("auto", True, False, "cuda"),
        ("auto", False, False, "cpu"),
        ("auto", False, True, "cpu"),
        ("gpu", False, True, "cpu"),
    ],
)
def test_it_is_measured_on_cuda_or_on_the_cpu(machine, accelerator, cuda, mps, device):
    machine(cuda, mps)
    assert device_for_measuring(accelerator) == torch.device(device)


def test_a_gpu_that_is_not_there_is_refused(machine):
    machine(False, False)
    with pytest.raises(ConfigError, match="torch sees no GPU"):
        device_for_measuring("gpu")
