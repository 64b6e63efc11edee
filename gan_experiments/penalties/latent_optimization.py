"""LOGAN: latent optimization by a natural-gradient step."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.precision import in_float32
from gan_experiments.core.types import Fraction, NonNegativeFloat, PositiveFloat
from gan_experiments.penalties.gradient import realism


class LatentOptimization(Penalty):
    """Move latents by one damped natural-gradient step that raises the score (LOGAN, Wu et al. 2019, eq. 12 and 17).

    The generator's gradient flows through the move, including second-order terms. The discriminator trains on the
    fakes of the moved latents, but not through the move: fakes are detached in its step (PyTorch-StudioGAN
    differentiates the move in both steps).

    Args:
        weight: Weight of the squared length of the move, in both losses.
        alpha: Step size.
        beta: Damping of the Fisher matrix.
        share: Share of the elements of each latent that are moved, the first ones.
        bound: Clip moved latents to ``[-bound, bound]``; the paper draws latents from U(-1, 1) and clips to 1,
            latents from a normal distribution are not clipped.
    """

    second_order: ClassVar[bool] = True

    def __init__(
        self,
        weight: NonNegativeFloat = 300.0,
        alpha: PositiveFloat = 0.9,
        beta: PositiveFloat = 5.0,
        share: Fraction = 0.5,
        bound: PositiveFloat | None = None,
    ) -> None:
        super().__init__(weight)
        self.alpha = alpha
        self.beta = beta
        self.share = share
        self.bound = bound
        self._moves: dict[str, Tensor] = {}  # of latents, by the network that is about to learn; one step may make both

    def latents(self, step: Step) -> Tensor:
        """Return ``z + alpha g / (beta + ||g||^2)`` for the gradient ``g`` of ``D(G(z))``: ``(B, latent_dim)``."""
        # The discriminator is frozen in the generator's step only; in its own step the move must carry no graph.
        frozen = not any(parameter.requires_grad for parameter in step.discriminator.parameters())
        attached = torch.is_grad_enabled() and frozen
        with torch.enable_grad(), torch.autocast(step.latents.device.type, enabled=False):
            move = self._step_uphill(step)
        self._moves["generator" if frozen else "discriminator"] = move
        moved = step.latents + (move if attached else move.detach())
        return moved if self.bound is None else moved.clamp(-self.bound, self.bound)

    def discriminator(self, step: Step) -> Tensor | None:
        """Return the mean squared length of the move."""
        return self._length("discriminator")

    def generator(self, step: Step) -> Tensor | None:
        """Return the mean squared length of the move."""
        return self._length("generator")

    def _step_uphill(self, step: Step) -> Tensor:
        latents = in_float32(step.latents.detach()).requires_grad_(True)
        output = step.discriminator(step.generator(latents, step.fake_labels), step.fake_labels)
        score = realism(step.discriminator, output).sum()
        (gradient,) = torch.autograd.grad(score, latents, create_graph=True)
        moving = round(self.share * latents.shape[1])
        gradient = gradient[:, :moving]
        move = self.alpha * gradient / (self.beta + gradient.square().sum(dim=1, keepdim=True))
        return pad(move, (0, latents.shape[1] - moving))

    def _length(self, network: str) -> Tensor | None:
        """Return the length once: with shared fakes the generator's step has no move of its own."""
        move = self._moves.pop(network, None)
        return None if move is None else move.square().sum(dim=1).mean()
