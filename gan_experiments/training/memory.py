"""Estimate of the memory that training a run takes at least, before its first step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning.accelerators import CUDAAccelerator
from torch import nn

from gan_experiments.core.memory import show_bytes, total_memory, used_memory
from gan_experiments.core.types import ConfigError
from gan_experiments.training.build import Parts, optimizer_factory

_INDEX = 8  # bytes of an integer
_NUMBER = 4  # of a float32


def check_memory(parts: Parts, config: Mapping[str, Any], activations: Mapping[str, float]) -> None:
    """Refuse a run that certainly does not fit into the memory of its device; its networks are on the CPU.

    ``activations`` are the bytes per image that each network keeps for its backward pass.

    Raises:
        ConfigError: Names what takes most, with the estimate and the memory there is.
    """
    models, moments = _models(parts, config), _moments(parts, config, activations)
    largest_model, moment = (max(needs, key=needs.__getitem__) for needs in (models, moments))
    if isinstance(parts.trainer.accelerator, CUDAAccelerator):
        available = torch.cuda.get_device_properties(0).total_memory
        before = sum(_bytes(network) for network in parts.system.children())
    else:
        processes = parts.trainer.num_devices
        available, before = total_memory() // processes, used_memory()
    need = before + sum(models.values()) + moments[moment]
    if need > available:
        largest = moment if moments[moment] > models[largest_model] else largest_model
        parts_of_it = {**models, moment: moments[moment]}
        listed = ", ".join(f"{show_bytes(size)} for {name}" for name, size in parts_of_it.items())
        text = f"training needs at least {show_bytes(need)} of memory ({listed}), and there are"
        raise ConfigError(f"{largest}: {text} {show_bytes(available)} for each process")


def _models(parts: Parts, config: Mapping[str, Any]) -> dict[str, int]:
    """Return the bytes of each network's gradients and optimizer states."""
    needs = {}
    for name, network in parts.system.named_children():
        node = config["optimizer"].get(name)
        if node and name in config["model"]:
            trained = sum(each.nbytes for each in network.parameters() if each.requires_grad)
            needs[f"model.{name}"] = trained * (1 + _states(node))
    return needs


def _moments(parts: Parts, config: Mapping[str, Any], activations: Mapping[str, float]) -> dict[str, float]:
    """Return what is needed for a while, beside the networks: in a step, in an evaluation, for a grid."""
    facts, latents = parts.data.facts, parts.system.latent_dim * _NUMBER
    image = math.prod(facts.shape)
    share = config["model"].get("microbatch") or config["batch_size"] / parts.trainer.world_size
    if config["trainer"]["precision"] != "32-true":
        share /= 2  # most of what is kept has 16 bits
    factor = {"generator": config["model"].get("generator_batch", 1)}
    needs = {"batch_size": share * sum(size * factor.get(name, 1) for name, size in activations.items())}
    if parts.loop.evaluation:
        counts = {name: config["metrics"][name] for name in ("samples", "final_samples", "batch_size")}
        for name in ("samples", "final_samples"):
            needs[f"metrics.{name}"] = counts[name] * (latents + _INDEX)
        needs["metrics.batch_size"] = min(counts["batch_size"], counts["final_samples"]) * image * _NUMBER
    if parts.loop.samples:
        needs["callbacks.samples.count"] = parts.loop.samples.count * (latents + image * _NUMBER)
    return needs


def _states(node: Mapping[str, Any]) -> int:
    """Return how many numbers an optimizer keeps for each weight."""
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.zeros(2)
    optimizer = optimizer_factory(node)([weight])
    try:
        optimizer.step()
    except Exception:  # it wants more than gradients
        return 0
    states = optimizer.state[weight].values()
    return sum(isinstance(state, torch.Tensor) and state.shape == weight.shape for state in states)


def _bytes(network: nn.Module) -> int:
    return sum(each.nbytes for each in network.parameters()) + sum(each.nbytes for each in network.buffers())
