"""Preflight checks: errors that networks, data and extractors can reveal before a run starts."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.systems.base import System, evaluation_mode
from gan_experiments.training.build import Parts

BATCH = 2  # of the dry run
LARGE = 10_000_000  # parameters, above which a network takes more than 0.2 s on one core of a CPU

Shape = tuple[int, ...]


def check_run(parts: Parts) -> None:
    """Check a run before its first step, without changing what it computes.

    Raises:
        ConfigError: A network returns the wrong shape; data is missing or less than a batch; evaluation is impossible.
    """
    dry_run(parts.system, parts.data.facts)
    parts.data.prepare_data()
    parts.data.setup()
    parts.data.check_batch_size(parts.system.clock.batch_size, parts.trainer.world_size)
    if parts.loop.evaluation and parts.resumed_at is None:  # a resumed run keeps the extractors that it started with
        parts.loop.evaluation.check()


def dry_run(system: System, facts: DataFacts) -> None:
    """Call each network once, in evaluation mode on zeros, and check the shape of its output.

    Weights, buffers and random states stay as they are. A network of more than ``LARGE`` parameters runs on the meta
    device, which computes shapes alone; it is not checked if it does not support that.

    Raises:
        ConfigError: Names the network with the actual and the expected shape, or the error that it raised.
    """
    images: Shape = (BATCH, facts.channels, facts.image_size, facts.image_size)
    latents: Shape = (BATCH, system.latent_dim)
    cases: list[tuple[str, Shape, list[Shape]]] = [
        ("generator", latents, [images]),
        ("discriminator", images, [(BATCH,)]),
        ("encoder", images, [latents, latents]),
    ]
    problems = []
    for name, shape, expected in cases:
        network: nn.Module | None = getattr(system, name, None)
        if network is None:
            continue
        actual = _output_shapes(name, network, shape, facts)
        is_patch_map = name == "discriminator" and len(actual) == 1 and len(actual[0]) > 2 and actual[0][0] == BATCH
        if actual and actual != expected and not is_patch_map:
            text = f"returns {_show(actual)} for an input of {shape}, expected {_show(expected)}"
            problems.append(f"model.{name}: {type(network).__name__} {text}")
    if problems:
        raise ConfigError(problems)


def _output_shapes(name: str, network: nn.Module, shape: Shape, facts: DataFacts) -> list[Shape]:
    """Return the shapes of a network's outputs for an input of ``shape``; none if they cannot be determined."""
    device = "meta" if sum(parameter.numel() for parameter in network.parameters()) > LARGE else "cpu"
    tensors = {key: buffer.clone() for key, buffer in network.named_buffers()}  # the network may write to them
    if device == "meta":
        tensors = {key: tensor.to(device) for key, tensor in [*network.named_parameters(), *network.named_buffers()]}
    inputs = [torch.zeros(shape, device=device)]
    if getattr(network, "conditional", False) and facts.num_classes:
        inputs.append(torch.zeros(BATCH, dtype=torch.long, device=device))
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad(), evaluation_mode(network):
            output = functional_call(network, tensors, tuple(inputs))
    except Exception as error:
        if device == "meta":
            return []
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith(torch.__path__[0])][-1]
        text = f"{type(error).__name__}: {' '.join(str(error).split())} ({own.filename}, line {own.lineno})"
        raise ConfigError(f"model.{name}: {type(network).__name__} fails on an input of {shape}: {text}") from error
    outputs = output if isinstance(output, (tuple, list)) else [output]
    return [tuple(each.shape) if isinstance(each, Tensor) else () for each in outputs]


def _show(shapes: Sequence[Shape]) -> str:
    return " and ".join(map(str, shapes))
