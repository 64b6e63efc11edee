"""The discriminator as it will be after some more of its own steps, as a differentiable function of the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Adam, Optimizer

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Loss
from gan_experiments.core.types import ConfigError

Discriminate = Callable[[Tensor, Tensor | None], Tensor]


def unrolled(
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: Loss,
    real: tuple[Tensor, Tensor | None],
    fake: tuple[Tensor, Tensor | None],
    steps: int,
) -> Discriminate:
    """Return the discriminator after ``steps`` of Adam on this batch (Metz et al. 2017, equations 7 to 9).

    The generator's gradient flows through those steps. Nothing of the discriminator itself changes: not its weights,
    not its buffers, not its optimizer's state, from which the steps go on. ``eps`` stands under Adam's root, where it
    keeps the derivative finite.

    Args:
        discriminator: The network.
        optimizer: Its optimizer.
        loss: What it minimizes.
        real: Images ``(B, C, H, W)`` and labels ``(B,)`` of reals.
        fake: Those of fakes, attached to the generator.
        steps: How many.

    Raises:
        ConfigError: The optimizer is not Adam without weight decay.
    """
    group = optimizer.param_groups[0]
    if not isinstance(optimizer, Adam) or len(optimizer.param_groups) > 1 or group["weight_decay"] or group["amsgrad"]:
        raise ConfigError("model.unroll_steps: needs optimizer.discriminator to be Adam without weight decay")
    buffers = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}
    weights = {name: weight.detach().requires_grad_() for name, weight in discriminator.named_parameters()}
    states = [optimizer.state.get(weight, {}) for weight in discriminator.parameters()]
    first = [state["exp_avg"].clone() if state else torch.zeros(()) for state in states]
    second = [state["exp_avg_sq"].clone() if state else torch.zeros(()) for state in states]
    done = int(next((state["step"] for state in states if state), 0))

    def discriminate(images: Tensor, labels: Tensor | None) -> Tensor:
        output: Tensor = functional_call(discriminator, {**weights, **buffers}, (images, labels))
        return output.to(torch.promote_types(output.dtype, torch.float32))

    training = loss.training
    loss.eval()  # what it keeps of the steps it has seen is not of these
    for step in range(done + 1, done + steps + 1):
        value = loss.discriminator(discriminate(*real), discriminate(*fake))
        gradients = torch.autograd.grad(value, list(weights.values()), create_graph=True)
        for index, (name, gradient) in enumerate(zip(weights, gradients, strict=True)):
            first[index], second[index], move = _adam(gradient, first[index], second[index], step, group)
            weights[name] = weights[name] - move
    loss.train(training)
    return discriminate


def check_unrolling(config: ConfigView) -> Iterator[Problem]:
    """Refuse an optimizer, a precision and penalties that unrolling does not work with."""
    key, optimizer = "optimizer.discriminator", config.component("optimizer.discriminator")
    unsupported = [name for name in ("weight_decay", "amsgrad") if config.get(f"{key}.{name}")]
    if optimizer is not None and (optimizer is not Adam or unsupported):
        given = " with ".join([optimizer.__name__, *unsupported])
        text = "works with torch.optim.Adam without weight_decay or amsgrad"
        yield Problem("model.unroll_steps", f"{text}; {key} is {given}")
    if config.get("trainer.precision") == "16-mixed":
        reason = "its loss scaling would be differentiated too; bf16-mixed and 32-true work"
        yield Problem("trainer.precision", f"16-mixed cannot be combined with model.unroll_steps: {reason}")
    for name, penalty in config.components("penalty").items():
        if getattr(penalty, "trains", ""):
            text = f"penalty.{name} needs features, which an unrolled discriminator does not return; take 0"
            yield Problem("model.unroll_steps", text)


def _adam(
    gradient: Tensor, first: Tensor, second: Tensor, step: int, group: dict[str, Any]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return Adam's two moments and its move (Kingma & Ba 2015, algorithm 1)."""
    (beta1, beta2), rate, eps = group["betas"], group["lr"], group["eps"]
    first = beta1 * first.to(gradient) + (1 - beta1) * gradient
    second = beta2 * second.to(gradient) + (1 - beta2) * gradient.square()
    scale = (second / (1 - beta2**step) + eps**2).sqrt()
    return first, second, rate * first / (1 - beta1**step) / scale
