"""Preflight checks: errors that networks, data and extractors can reveal before a run starts."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call

from gan_experiments.core.evaluation_mode import evaluation_mode
from gan_experiments.core.memory import within_memory
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.systems.base import Shape, System
from gan_experiments.training.build import Parts
from gan_experiments.training.memory import check_memory

BATCH = 2  # of the dry run
LARGE = 10_000_000  # parameters, above which a network takes more than 0.2 s on one core of a CPU


def check_run(parts: Parts, config: Mapping[str, Any]) -> None:
    """Check a run before its first step, without changing what it computes.

    Raises:
        ConfigError: A network or an augmentation returns the wrong shape; the discriminator cannot take the batch; data
            is missing or less than a batch; evaluation is impossible; there is too little memory.
    """
    parts.system.refuse_batch(parts.trainer.world_size)
    check_memory(parts, config, dry_run(parts.system, parts.data.facts))
    try_augmentations(parts.system, parts.data.facts)
    parts.data.prepare_data()
    parts.data.setup()
    if parts.data.inputs is not None and parts.data.inputs.task is not None:
        parts.data.inputs.task.refuse_images(parts.data.images, parts.data.facts.name)
    parts.data.check_batch_size(parts.system.clock.batch_size, parts.trainer.world_size)
    if parts.loop.evaluation and parts.resumed_at is None:  # a resumed run keeps the extractors that it started with
        with within_memory("metrics", config["metrics"]):
            parts.loop.evaluation.check()


def overload() -> str | None:
    """Return a warning if other processes leave too few cores for the threads of torch; else ``None``.

    Threads that wait for one that has no core make the steps of small networks many times slower. The load is that of
    the whole machine, also where this process may use some of its cores only, as a job of a cluster may.
    """
    if not hasattr(os, "getloadavg"):  # Windows
        return None
    load, threads = os.getloadavg()[0], torch.get_num_threads()
    cores = os.cpu_count() or 1
    if load <= cores or threads == 1:
        return None
    return (
        f"other processes use this machine: a load of {load:.1f} on {cores} cores, where torch has {threads} threads; "
        "OMP_NUM_THREADS=1 before the command makes small networks several times faster then"
    )


def dry_run(system: System, facts: DataFacts) -> dict[str, float]:
    """Call each network once, in evaluation mode on zeros, and check the shape of its output.

    Weights, buffers and random states stay as they are. A network of more than ``LARGE`` parameters runs on the meta
    device, which computes shapes alone; it is not checked if it does not support that.

    Returns:
        Bytes per image that each network keeps for its backward pass.

    Raises:
        ConfigError: Names the network with the actual and the expected shape, or the error that it raised.
    """
    problems, kept = [], {}
    for name, one_input, one_output in system.shapes(facts):
        network: nn.Module = getattr(system, name)
        packing = getattr(network, "packing", 1)
        shape, expected = (BATCH * packing, *one_input), [(BATCH, *each) for each in one_output]
        actual, kept[name] = _output_shapes(name, network, shape, facts)
        is_patch_map = expected == [(BATCH,)] and len(actual) == 1 and len(actual[0]) > 2 and actual[0][0] == BATCH
        if actual and actual != expected and not is_patch_map:
            text = f"returns {_show(actual)} for an input of {shape}, expected {_show(expected)}"
            problems.append(f"model.{name}: {type(network).__name__} {text}")
    if problems:
        raise ConfigError(problems)
    return kept


def try_augmentations(system: System, facts: DataFacts) -> None:
    """Call a copy of each augmentation once, on random images, and check what it returns.

    Raises:
        ConfigError: Names those that fail, or return no images of the same shape and type with a gradient.
    """
    problems = {}
    for name, shape, _ in system.shapes(facts):
        if name.endswith("discriminator"):
            images = Stream("preflight").uniform(BATCH, *shape).requires_grad_()
            for key, augmentation in getattr(system, f"{name.removesuffix('discriminator')}augmentations", {}).items():
                problems[key] = _try_augmentation(deepcopy(augmentation), 2 * images - 1)
    if texts := [f"augment.{key}: {text}" for key, text in problems.items() if text]:
        raise ConfigError(texts)


def _try_augmentation(augmentation: nn.Module, images: Tensor) -> str:
    """Return what is wrong with the images that an augmentation returns for ``images``; empty if nothing is."""
    name = type(augmentation).__name__
    try:
        with torch.random.fork_rng(devices=[]):
            output = augmentation(images, Stream("preflight", "augment"), 0)
    except Exception as error:
        return f"{name} fails on images of {tuple(images.shape)}: {_reason(error)}"
    if not isinstance(output, Tensor):
        return f"{name}.forward returned {type(output).__name__}, not a tensor of images"
    if output.shape != images.shape:
        return f"{name}.forward returned {tuple(output.shape)} for images of {tuple(images.shape)}, not their shape"
    if output.dtype != images.dtype:
        return f"{name}.forward returned {output.dtype} for images of {images.dtype}, not their type"
    if not output.requires_grad:
        cause = "detach(), no_grad(), NumPy and Pillow cut it off"
        return (
            f"{name}.forward returned images without a gradient, so the generator would not learn through it; {cause}"
        )
    return ""


def _reason(error: Exception) -> str:
    """Return the type and message of an error, with the last line outside of torch that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(torch.__path__[0])][-1]
    return f"{type(error).__name__}: {' '.join(str(error).split())} ({own.filename}, line {own.lineno})"


def _output_shapes(name: str, network: nn.Module, shape: Shape, facts: DataFacts) -> tuple[list[Shape], float]:
    """Return the shapes of a network's outputs for an input of ``shape``, none if they cannot be determined.

    Returns also the bytes per image of the tensors that a backward pass would need.
    """
    device = "meta" if sum(parameter.numel() for parameter in network.parameters()) > LARGE else "cpu"
    tensors = {key: buffer.clone() for key, buffer in network.named_buffers()}  # the network may write to them
    if device == "meta":
        tensors = {key: tensor.to(device) for key, tensor in [*network.named_parameters(), *network.named_buffers()]}
    kept = _Kept()
    inputs = [torch.zeros(shape, device=device)]
    if getattr(network, "conditional", False) and facts.num_classes:
        inputs.append(torch.zeros(shape[0], dtype=torch.long, device=device))
    try:
        with torch.random.fork_rng(devices=[]), evaluation_mode(network), saved_tensors_hooks(kept.add, kept.get):
            output = functional_call(network, tensors, tuple(inputs))
    except Exception as error:
        if device == "meta":
            return [], 0.0
        text = f"{type(network).__name__} fails on an input of {shape}: {_reason(error)}"
        raise ConfigError(f"model.{name}: {text}") from error
    outputs = output if isinstance(output, (tuple, list)) else [output]
    return [tuple(each.shape) if isinstance(each, Tensor) else () for each in outputs], kept.size / shape[0]


class _Kept:
    """Counts, once each, the tensors with a row for each image that autograd keeps."""

    def __init__(self) -> None:
        self._storages: dict[int, torch.UntypedStorage] = {}  # held, so that none takes the place of another

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(storage.nbytes() for storage in self._storages.values())

    def add(self, tensor: Tensor) -> Tensor:
        """Count a tensor; weights, which do not depend on the batch, are left out."""
        if tensor.dim() and len(tensor) == BATCH:
            storage = tensor.untyped_storage()
            self._storages[storage._cdata] = storage
        return tensor.detach()

    @staticmethod
    def get(tensor: Tensor) -> Tensor:
        """Return a tensor to the backward pass of whoever makes one."""
        return tensor


def _show(shapes: Sequence[Shape]) -> str:
    return " and ".join(map(str, shapes))
