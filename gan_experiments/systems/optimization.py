"""Learning rates and gradient clipping of an optimizer."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_
from torch.optim import Optimizer

_TORCHS = sys.modules[Optimizer.__module__]  # its names below are private: another version may not have them


def keep_rates(optimizer: Optimizer) -> Optimizer:
    """Store the learning rates that an optimizer was built with in its groups, and return it."""
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def scale_rates(optimizer: Optimizer, factor: float) -> None:
    """Set the learning rates to ``factor`` times those that the optimizer was built with."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def trained(*networks: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of networks that are not frozen."""
    return [weight for network in networks for weight in network.parameters() if weight.requires_grad]


def weights_of(optimizer: Optimizer) -> list[Tensor]:
    """Return the parameters of an optimizer."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def clear_gradient(optimizer: Optimizer) -> None:
    """Do what ``zero_grad`` does, without its profiling, which takes longer than a small network."""
    for weight in weights_of(optimizer):
        weight.grad = None


def take_step(optimizer: Optimizer) -> None:
    """Do what ``step`` does, without its profiling; where something is hooked to the step, call it as it is."""
    hooks = (
        getattr(_TORCHS, "_global_optimizer_pre_hooks", True),
        getattr(_TORCHS, "_global_optimizer_post_hooks", True),
        getattr(optimizer, "_optimizer_step_pre_hooks", True),
        getattr(optimizer, "_optimizer_step_post_hooks", True),
    )
    step: Any = optimizer.step
    if any(hooks) or not getattr(step, "hooked", False):
        step()
    else:
        step.__wrapped__(optimizer)


def clip_gradient(optimizer: Optimizer, largest: float | None) -> Tensor:
    """Return the norm of the gradient over all parameters of ``optimizer``, and clip the gradient to ``largest``."""
    parameters = weights_of(optimizer)
    norms = torch._foreach_norm([grad for weight in parameters if (grad := weight.grad) is not None])
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    if largest is not None:
        clip_grads_with_norm_(parameters, largest, norm)
    return norm
