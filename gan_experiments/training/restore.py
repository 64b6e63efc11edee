"""Restores a trained system from its run folder, which may be untrusted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from gan_experiments.config.places import DATA_PLACES
from gan_experiments.core.dotted import value_of
from gan_experiments.core.frozen import weight_hashes
from gan_experiments.core.types import ConfigError
from gan_experiments.data.base import ImageData
from gan_experiments.data.remembered import present_or_remembered
from gan_experiments.runs.checkpoints import check_clock, find_checkpoint, load_checkpoint, load_part, load_weights
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import System
from gan_experiments.systems.optimization import weights_of
from gan_experiments.training.build import Parts, build_data, build_system
from gan_experiments.training.devices import device_for_measuring


def restore(
    config: Mapping[str, Any],
    run: RunFolder,
    checkpoint: str | os.PathLike[str],
    accelerator: str,
    raw: bool = False,
    moved: Collection[str] = (),
    dataset: Mapping[str, Any] | None = None,
) -> tuple[System, ImageData]:
    """Build the system of a run with the weights of one of its checkpoints, and its dataset.

    Where the files of the data are not there, the record says what the networks are built for; they are asked for when
    the images are read.

    Args:
        config: The run's config, checked.
        run: Its folder.
        checkpoint: ``last``, ``best``, or the path of a file.
        accelerator: Device of the system: ``cpu``, ``gpu`` or ``auto``.
        raw: Load the weights of the generator without averaging, too; by default only the average is loaded.
        moved: Keys that say where the data lie now, which are read then, and must be the same.
        dataset: The node of another dataset to return in the place of the run's, with images of the same shape.

    Raises:
        ConfigError: The checkpoint is missing, damaged, of another network, or contains code; the data are others, or
            of another shape.
    """
    device = device_for_measuring(accelerator)
    path = find_checkpoint(run, checkpoint)
    loaded = load_checkpoint(path)
    check_clock(loaded, config, path)
    with naming_places(config):
        data = build_data(config)
        if moved:
            data.prepare_data()
            data.setup()
            check_same_data(run.record(), data, moved)
        else:
            data = present_or_remembered(data, run.record())
    system = build_system(config, data)
    for name, average in system.averages.items():
        load_part(average.module, loaded, f"{name}.module.", path)
        if raw:
            network = f"{name.removesuffix('ema')}generator"
            load_part(getattr(system, network), loaded, f"{network}.", path)
    system.clock.images_seen = loaded["images_seen"]
    system.to(device)
    return system, data if dataset is None else _other_data({**config, "dataset": dataset}, data)


def _other_data(config: Mapping[str, Any], own: ImageData) -> ImageData:
    data = build_data(config)
    here, there = data.facts, own.facts
    if (here.shape, here.bits) != (there.shape, there.bits):
        shapes = [" x ".join(map(str, facts.shape)) + " 16-bit" * (facts.bits == 16) for facts in (here, there)]
        raise ConfigError(f"dataset: its images have {shapes[0]} values, those of the run {shapes[1]}")
    return data


@contextmanager
def naming_places(config: Mapping[str, Any]) -> Iterator[None]:
    """Add to what is wrong with the data of an existing run the key that says where its images lie now.

    Raises:
        ConfigError: The same as inside, with that key.
    """
    try:
        yield
    except ConfigError as error:
        known = [key for key in DATA_PLACES if key.partition(".")[2] in config["dataset"]]
        places = [key for key in known if value_of(config, key) is not None] or known[:1]
        keys = {"dataset": places} | {key: [key] for key in places}
        lines = [f"{line}{_where(keys.get(line.partition(':')[0], ()))}" for line in error.problems]
        if lines == error.problems:
            raise
        raise ConfigError(lines) from error


def _where(keys: Sequence[str]) -> str:
    return f"; if the images of the run lie elsewhere now: {' '.join(f'{key}=...' for key in keys)}" if keys else ""


def check_same_data(record: Mapping[str, Any], data: ImageData, moved: Collection[str]) -> None:
    """Refuse data, already read, that are not those that a run was trained on; ``moved``: keys of where they lie now.

    Raises:
        ConfigError: They differ, or have moved and cannot be compared.
    """
    dataset = record.get("dataset")
    known = dataset.get("fingerprint") if isinstance(dataset, Mapping) else None
    key = next(iter(moved), "dataset")
    if moved and known is None:
        raise ConfigError(f"{key}: the record of the run has no fingerprint to compare these data with")
    if known not in (None, data.fingerprint):
        raise ConfigError(f"{key}: other data than the run was trained on: fingerprint {data.fingerprint}, not {known}")


def check_same_pretrained(record: Mapping[str, Any], system: System) -> None:
    """Refuse pretrained, frozen networks that are not those that a run has been trained with.

    Raises:
        ConfigError: Names the first one that differs.
    """
    known, here = record.get("pretrained"), weight_hashes(system)
    other = [name for name in here if isinstance(known, Mapping) and known.get(name) != here[name]]
    if other:
        text = f"its weights are not those that the run has been trained with: {here[other[0]]}"
        raise ConfigError(f"model: {other[0]}: {text}")


def check_resumable(checkpoint: Mapping[str, Any], config: Mapping[str, Any], parts: Parts, path: Path) -> None:
    """Load all of a checkpoint into the parts of a run, as Lightning does later, to see that it fits.

    Raises:
        ConfigError: It belongs to another run, or lacks something.
    """
    check_clock(checkpoint, config, path)
    system, trainer = parts.system, parts.trainer
    load_weights(system, checkpoint["state_dict"], path)
    try:
        states = checkpoint["callbacks"]
        own = {"epoch": 0, "global_step": 0, "pytorch-lightning_version": "", "lr_schedulers": []}
        _check_alike(own, checkpoint, "checkpoint")
        _check_alike(trainer.fit_loop.state_dict(), checkpoint["loops"]["fit_loop"], "loops")
        _check_alike(parts.loop.state_dict(), states[parts.loop.state_key], "callbacks")
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if callback.state_key in states:
                callback.load_state_dict(deepcopy(states[callback.state_key]))
        built: Any = system.configure_optimizers()
        _check_optimizers([built] if isinstance(built, Optimizer) else built, checkpoint["optimizer_states"])
        system.on_load_checkpoint(dict(checkpoint))
        system.statistics.check()
    except Exception as error:  # whatever the parts of a run raise for the state of another
        reason = (str(error).splitlines() or [""])[0]
        raise ConfigError(f"{path}: cannot be resumed from: {type(error).__name__}: {reason}") from None


def _check_alike(own: Any, saved: Any, where: str) -> None:
    """Refuse a state that does not have the keys and kinds of values of a new part's state, which may be empty."""
    if isinstance(own, Mapping):
        if not isinstance(saved, Mapping):
            raise TypeError(f"{where} is no mapping")
        for key in own:
            if key not in saved:
                raise KeyError(f"{where}.{key} is missing")
            _check_alike(own[key], saved[key], f"{where}.{key}")
        if not own and not _is_plain(saved):
            raise TypeError(f"{where} holds other things than numbers and names")
    elif own is not None:
        alike: dict[type, Any] = {float: (int, float), list: (list, tuple), tuple: (list, tuple)}
        accepted = alike.get(type(own), type(own))
        if not isinstance(saved, accepted) or isinstance(saved, bool) != isinstance(own, bool):
            raise TypeError(f"{where} is no {type(own).__name__}")


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(each) for each in value.values())
    return value is None or isinstance(value, (int, float, str))


def _check_optimizers(optimizers: Iterable[Optimizer], saved: Any) -> None:
    """Refuse states of other optimizers, or of other parameters."""
    for optimizer, state in zip(optimizers, saved, strict=True):
        parameters = weights_of(optimizer)
        for own, group in zip(optimizer.state_dict()["param_groups"], state["param_groups"], strict=True):
            # A rate of 1 in a config is a whole number, and 1.0 once its schedule has been applied.
            options = {key: float(value) if type(value) is int else value for key, value in own.items()}
            _check_alike(options, group, "optimizer")
        for index, values in state["state"].items():
            shapes = [value.shape for value in values.values() if isinstance(value, Tensor)]
            if any(shape not in (parameters[index].shape, torch.Size()) for shape in shapes):
                raise ValueError(f"the optimizer's state of parameter {index} has another shape")
        optimizer.load_state_dict(deepcopy(state))
