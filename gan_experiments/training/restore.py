"""Restores a trained system from its run folder, which may be untrusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_experiments.data.base import ImageData
from gan_experiments.runs.checkpoints import find_checkpoint, load_checkpoint, load_part
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import System
from gan_experiments.training.build import build_system, construct, device_for_measuring


def restore(
    config: Mapping[str, Any], run: RunFolder, checkpoint: str, accelerator: str, raw: bool = False
) -> tuple[System, ImageData]:
    """Build the system of a run with the weights of one of its checkpoints, and its dataset.

    Args:
        config: The run's config, checked.
        run: Its folder.
        checkpoint: ``last``, ``best``, or the path of a file.
        accelerator: Device of the system: ``cpu``, ``gpu`` or ``auto``.
        raw: Load the weights of the generator without averaging, too; by default only the average is loaded.

    Raises:
        ConfigError: The checkpoint is missing, damaged, of another network, or contains code.
    """
    device = device_for_measuring(accelerator)
    path = find_checkpoint(run, checkpoint)
    loaded = load_checkpoint(path)
    data: ImageData = construct(config["dataset"], "dataset", seed=config["seed"])
    system = build_system(config, data)
    load_part(system.ema.module, loaded, "ema.module.", path)
    if raw:
        load_part(system.generator, loaded, "generator.", path)
    system.clock.images_seen = loaded["images_seen"]
    system.to(device)
    return system, data
