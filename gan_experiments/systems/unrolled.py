"""Unrolled discriminator (Metz et al. 2017): its weights after further steps, as a function of the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Adam, Optimizer

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Penalty
from gan_experiments.core.rules import DISCRIMINATOR, option
from gan_experiments.core.types import ConfigError
from gan_experiments.systems.optimization import weights_of

Call = Callable[..., Any]


def unrolled(
    discriminator: nn.Module,
    optimizer: Optimizer,
    objective: Callable[[int], Tensor],
    steps: int,
    keep: Sequence[nn.Module] = (),
    clip: float | None = None,
) -> Call:
    """Return a function that calls others with the weights of ``steps`` further steps (Metz et al. 2017, eq. 7 to 9).

    ``unrolled(...)(function, *arguments)`` is ``function(*arguments)`` while ``discriminator`` has the weights that it
    will have after ``steps`` steps of Adam, with their graph: the generator's gradient flows through those steps.
    Weights that the optimizer does not have, or that ``objective`` does not use, stay as they are.
    Nothing changes for good: not the weights, the buffers or the optimizer's state, from which the steps go on. ``eps``
    is under the root of Adam, where it keeps the derivative finite.

    The learning rate stays as it is now. The discriminator minimizes ``objective`` of the number of the step, from 1
    on, which calls ``discriminator`` and may change buffers of the modules ``keep``; ``clip`` is the largest norm of
    the gradient of a step.

    Raises:
        ConfigError: The optimizer is not Adam without weight decay.
    """
    own = {id(weight) for weight in weights_of(optimizer)}
    trained = {f"0.{name}": weight for name, weight in discriminator.named_parameters() if id(weight) in own}
    adam = _DifferentiableAdam(optimizer, trained)
    parts = _Parts([discriminator, *keep])
    buffers = {name: buffer.clone() for name, buffer in parts.named_buffers()}
    weights = {name: weight.detach().requires_grad_() for name, weight in trained.items()}

    def call(function: Call, *arguments: Any) -> Any:
        return functional_call(parts, {**weights, **buffers}, (function, *arguments))

    for step in range(1, steps + 1):
        value, given = call(objective, step), list(weights.values())
        partials = torch.autograd.grad(value, given, create_graph=True, allow_unused=True)
        gradients = {name: each for name, each in zip(weights, partials, strict=True) if each is not None}
        for name, update in adam.updates(_clipped(gradients, clip)).items():
            weights[name] = weights[name] - update
    return call


class _Parts(nn.ModuleList):
    """Modules whose tensors ``functional_call`` replaces while a function runs."""

    def forward(self, function: Call, *arguments: Any) -> Any:
        return function(*arguments)


def check_unrolling(config: ConfigView) -> Iterator[Problem]:
    """Refuse an optimizer, a precision and penalties that unrolling does not work with."""
    key, optimizer = "optimizer.discriminator", config.component("optimizer.discriminator")
    unsupported = [name for name in ("weight_decay", "amsgrad") if config.get(f"{key}.{name}")]
    if optimizer is not None and (optimizer is not Adam or unsupported):
        given = " with ".join([optimizer.__name__, *unsupported])
        text = "works with torch.optim.Adam without weight_decay or amsgrad"
        yield Problem("model.unroll_steps", f"{text}; {key} is {given}")
    if config.get("model.activation_checkpointing"):
        text = "computes with weights that activation checkpointing would not find again"
        yield Problem("model.unroll_steps", f"{text}; set model.activation_checkpointing=false")
    if config.get("trainer.precision") == "16-mixed":
        reason = "its loss scaling would be differentiated too; bf16-mixed and 32-true work"
        yield Problem("trainer.precision", f"16-mixed cannot be combined with model.unroll_steps: {reason}")
    batch_norm = option(config, DISCRIMINATOR, "norm") == "batch"
    for name, penalty in config.components("penalty").items():
        if batch_norm and _second_order(penalty):
            text = f"differentiates penalty.{name} a third time, which torch's batch norm cannot be"
            yield Problem("model.unroll_steps", f"{text}; take 0, or {DISCRIMINATOR}.norm=none")
        if reason := _not_unrolled(penalty):
            yield Problem("model.unroll_steps", f"does not work with penalty.{name}, which {reason}; take 0")
        if config.get(f"penalty.{name}.before_augmentation"):
            text = "takes augmented images; take 0 or before_augmentation=false"
            yield Problem("model.unroll_steps", f"{text}: penalty.{name} differentiates by those before")


def refuse_batch_norm(discriminator: nn.Module, penalties: Mapping[str, Penalty]) -> None:
    """Refuse batch norm, also of discriminators without an option for it, with a penalty on a gradient.

    Raises:
        ConfigError: Names both.
    """
    layer = next((name for name, each in discriminator.named_modules() if isinstance(each, _BatchNorm)), None)
    for name, penalty in penalties.items():
        if layer is not None and _second_order(type(penalty)):
            text = f"differentiates penalty.{name} a third time, which torch's batch norm ({layer}) cannot be"
            raise ConfigError(f"model.unroll_steps: {text}; take 0, or another penalty")


def _second_order(penalty: type) -> bool:
    """Return whether the discriminator's loss has a gradient in it, by a penalty of this class."""
    own = getattr(penalty, "discriminator", None) is not Penalty.discriminator
    return own and getattr(penalty, "second_order", False)


def _not_unrolled(penalty: type) -> str:
    """Return what a penalty does that an unrolled discriminator would leave out; empty if nothing."""
    if getattr(penalty, "trains", ""):
        return "trains a class head: the generator would learn from the head as it is before those steps"
    if getattr(penalty, "needs_features", False):
        return "compares features: the generator would learn from those of the discriminator before those steps"
    if getattr(penalty, "latents", Penalty.latents) is not Penalty.latents:
        return "moves latents by the gradient of the discriminator before those steps"
    if getattr(penalty, "after_discriminator_step", None) is not Penalty.after_discriminator_step:
        return "changes weights or follows them after a step, in place: those steps are differentiated"
    return ""


def _clipped(gradients: Mapping[str, Tensor], largest: float | None) -> Mapping[str, Tensor]:
    """Shorten gradients to a norm of ``largest``, differentiably, as ``clip_grads_with_norm_`` does in place."""
    if largest is None:
        return gradients
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients.values()]))
    factor = (largest / (norm + 1e-6)).clamp(max=1.0)
    return {name: gradient * factor for name, gradient in gradients.items()}


class _DifferentiableAdam:
    """Adam (Kingma & Ba 2015, algorithm 1) with gradients through its steps, continued from an optimizer's state."""

    # By hand: torch.optim.Adam, differentiable as well, adds eps outside the root, whose derivative at 0 is infinite.

    def __init__(self, optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]) -> None:
        group = optimizer.param_groups[0]
        plain = not (group["weight_decay"] or group.get("amsgrad")) and len(optimizer.param_groups) == 1
        if not isinstance(optimizer, Adam) or not plain:
            raise ConfigError("model.unroll_steps: needs optimizer.discriminator to be Adam without weight decay")
        self._group = group
        self._step = int(next((state["step"] for state in map(optimizer.state.get, parameters.values()) if state), 0))
        self._first, self._second = (
            {
                name: optimizer.state.get(each, {}).get(key, torch.zeros_like(each)).clone().flatten()
                for name, each in parameters.items()
            }
            for key in ("exp_avg", "exp_avg_sq")
        )

    def updates(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what one step subtracts from each parameter that has a gradient."""
        (beta1, beta2), rate, eps = self._group["betas"], self._group["lr"], self._group["eps"]
        self._step += 1
        # All of them as one vector: in a small network the number of operations decides how long a step takes.
        gradient = torch.cat([each.flatten() for each in gradients.values()])
        first, second = (torch.cat([each[name] for name in gradients]) for each in (self._first, self._second))
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient.square()
        scale = (second / (1 - beta2**self._step) + eps**2).sqrt()
        update = rate * first / (1 - beta1**self._step) / scale
        sizes = [each.numel() for each in gradients.values()]
        for kept, each in ((self._first, first), (self._second, second)):
            kept.update(zip(gradients, each.split(sizes), strict=True))
        parts = zip(gradients.items(), update.split(sizes), strict=True)
        return {name: part.view_as(each).to(each.dtype) for (name, each), part in parts}
