"""Devices to train and to measure on, checked against what torch finds."""

from __future__ import annotations

import torch
from pytorch_lightning.accelerators import CUDAAccelerator, MPSAccelerator

from gan_experiments.core.types import ConfigError


def check_devices(accelerator: str, devices: int | str) -> None:
    """Refuse devices that this machine does not have.

    Raises:
        ConfigError: There is no GPU, or there are fewer than ``devices``.
    """
    if accelerator != "gpu":
        return
    if not (CUDAAccelerator.is_available() or MPSAccelerator.is_available()):
        raise ConfigError("trainer.accelerator: gpu, but torch sees no GPU on this machine (try trainer=cpu)")
    available = max(CUDAAccelerator.auto_device_count(), MPSAccelerator.auto_device_count())
    if isinstance(devices, int) and devices > available:
        raise ConfigError(f"trainer.devices: {devices}, but this machine has {available}")


def device_for_measuring(accelerator: str) -> torch.device:
    """Return the device for generating and measuring: CUDA if available, unless ``cpu``; never MPS (no float64).

    Raises:
        ConfigError: ``gpu``, and there is none.
    """
    check_devices(accelerator, 1)
    return torch.device("cuda" if accelerator != "cpu" and CUDAAccelerator.is_available() else "cpu")
