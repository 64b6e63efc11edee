"""Learning rates, steps and gradient clipping of an optimizer."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_
from torch.optim import Optimizer

_TORCHS = sys.modules[Optimizer.__module__]  # its names below are private: another version may not have them
_RARE = ("amsgrad", "decoupled_weight_decay", "capturable")  # options of Adam


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
    elif not _took_fused_step(optimizer):
        step.__wrapped__(optimizer)


def _took_fused_step(optimizer: Optimizer) -> bool:
    """Take the step of a fused Adam by its kernel alone: what Adam does around it takes longer for a small network.

    Return whether it was taken: the first one, which makes the states, rare options and weights of several types or
    devices are left to Adam.
    """
    kernel = getattr(torch, "_fused_adam_", None)  # private: another version may not have it
    if kernel is None or type(optimizer) is not torch.optim.Adam or len(optimizer.param_groups) > 1:
        return False
    (group,) = optimizer.param_groups
    weights = [weight for weight in group["params"] if weight.grad is not None]
    states = [optimizer.state[weight] for weight in weights]
    alike = len({(weight.dtype, weight.device) for weight in weights}) == 1
    if not (alike and all(states) and group["fused"]) or any(map(group.get, _RARE)):
        return False
    averages, squares, steps = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
    options = {name: group[name] for name in ("lr", "weight_decay", "eps", "amsgrad", "maximize")}
    options["beta1"], options["beta2"] = group["betas"]
    with torch.no_grad():
        torch._foreach_add_(steps, 1)
        kernel(weights, [weight.grad for weight in weights], averages, squares, [], steps, **options)
    return True


def clip_gradient(optimizer: Optimizer, largest: float | None) -> Tensor:
    """Return the norm of the gradient over all parameters of ``optimizer``, and clip the gradient to ``largest``."""
    parameters = weights_of(optimizer)
    norms = torch._foreach_norm([grad for weight in parameters if (grad := weight.grad) is not None])
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    if largest is not None:
        clip_grads_with_norm_(parameters, largest, norm)
    return norm
