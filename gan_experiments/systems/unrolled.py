"""Unrolled discriminator (Metz et al. 2017): its next Adam steps, differentiable with respect to the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Adam, Optimizer

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Loss
from gan_experiments.core.types import ConfigError
from gan_experiments.systems.base import evaluation_mode

Discriminate = Callable[[Tensor, Tensor | None], Tensor]


def unrolled(
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: Loss,
    real: tuple[Tensor, Tensor | None],
    fake: tuple[Tensor, Tensor | None],
    steps: int,
) -> Discriminate:
    """Return the discriminator after ``steps`` steps of Adam on this batch (Metz et al. 2017, equations 7 to 9).

    The generator's gradient flows through those steps. The discriminator's own weights and buffers and its optimizer's
    state, from which the steps continue, stay as they are. ``eps`` is under Adam's root, so that the derivative is
    finite.

    Args:
        discriminator: The network.
        optimizer: Its optimizer.
        loss: The loss that the discriminator minimizes.
        real: Real images ``(B, C, H, W)`` and their labels ``(B,)``.
        fake: Generated images, attached to the generator's graph, and their labels.
        steps: Number of steps.

    Raises:
        ConfigError: The optimizer is not Adam without weight decay.
    """
    adam = _DifferentiableAdam(optimizer, discriminator.parameters())
    buffers = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}
    weights = {name: weight.detach().requires_grad_() for name, weight in discriminator.named_parameters()}

    def discriminate(images: Tensor, labels: Tensor | None) -> Tensor:
        output: Tensor = functional_call(discriminator, {**weights, **buffers}, (images, labels))
        return output.to(torch.promote_types(output.dtype, torch.float32))

    with evaluation_mode(loss):  # a loss with running statistics must not count these steps
        for _ in range(steps):
            value = loss.discriminator(discriminate(*real), discriminate(*fake))
            gradients = torch.autograd.grad(value, list(weights.values()), create_graph=True)
            for name, update in zip(list(weights), adam.updates(gradients), strict=True):
                weights[name] = weights[name] - update
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


class _DifferentiableAdam:
    """Adam (Kingma & Ba 2015, algorithm 1) with gradients through its steps, continued from an optimizer's state."""

    def __init__(self, optimizer: Optimizer, parameters: Iterable[nn.Parameter]) -> None:
        group = optimizer.param_groups[0]
        plain = not (group["weight_decay"] or group.get("amsgrad")) and len(optimizer.param_groups) == 1
        if not isinstance(optimizer, Adam) or not plain:
            raise ConfigError("model.unroll_steps: needs optimizer.discriminator to be Adam without weight decay")
        self._group = group
        states = [optimizer.state.get(parameter, {}) for parameter in parameters]
        self._first = [state["exp_avg"].clone() if state else torch.zeros(()) for state in states]
        self._second = [state["exp_avg_sq"].clone() if state else torch.zeros(()) for state in states]
        self._step = int(next((state["step"] for state in states if state), 0))

    def updates(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Return what one step subtracts from each parameter."""
        (beta1, beta2), rate, eps = self._group["betas"], self._group["lr"], self._group["eps"]
        self._step += 1
        updates = []
        for index, gradient in enumerate(gradients):
            self._first[index] = beta1 * self._first[index].to(gradient) + (1 - beta1) * gradient
            self._second[index] = beta2 * self._second[index].to(gradient) + (1 - beta2) * gradient.square()
            scale = (self._second[index] / (1 - beta2**self._step) + eps**2).sqrt()
            updates.append(rate * self._first[index] / (1 - beta1**self._step) / scale)
        return updates
