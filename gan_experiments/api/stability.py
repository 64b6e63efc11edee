"""``stability``: whether training contracts towards a known equilibrium, from the Jacobian of its step there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_experiments.core.types import ConfigError
from gan_experiments.training.equilibrium import Array, EquilibriumStep

STEADY = 1e-6  # a radius this near to 1 is 1: differences of the step are exact to 1e-9 or so
_DISPLACEMENT = 1e-5  # of the differences; their error is of the order of its square
_AGREEMENT = 1e-3  # of differences forward and backward, and of those of a tenth of the displacement
_RESIDUAL = 1e-9  # largest change of an equilibrium by a step
_DESCENT = {"_target_": "torch.optim.SGD", "lr": 0.1}
_UNCLIPPED = {"generator": None, "discriminator": None}


class Stability(NamedTuple):
    """What a training step does near an equilibrium.

    Attributes:
        eigenvalues: Of the Jacobian of one period, largest first, without those that are 1; empty if the step is not
            differentiable there.
        neutral: How many eigenvalues are 1: directions along which there are further equilibria.
        period: Discriminator steps of a period, after which penalties and generator steps recur.
        residual: Largest change of a number of the state by a period that starts at the equilibrium.
        distances: Of the weights from the equilibrium in a run near it, if the step is not differentiable; otherwise
            empty. The first is that of the start.
    """

    eigenvalues: NDArray[np.complex128]
    neutral: int
    period: int
    residual: float
    distances: tuple[float, ...] = ()

    @property
    def radius(self) -> float:
        """Factor by which a displacement shrinks or grows in a discriminator step in the long run; NaN if unknown."""
        if self.distances:
            return math.nan
        return math.pow(np.abs(self.eigenvalues).max(initial=0.0), 1 / self.period)

    @property
    def verdict(self) -> str:
        """``converges``, ``orbits`` or ``diverges``; of a run by the largest distances in two quarters of it."""
        if self.distances:
            quarter = max(1, len(self.distances) // 4)
            before, after = max(self.distances[quarter : 2 * quarter]), max(self.last_quarter)
            if after < before / 2:
                return "converges"
            return "orbits" if after < max(2 * before, self.distances[0]) else "diverges"  # NaN diverges
        if abs(self.radius - 1) <= STEADY:
            return "orbits"
        return "converges" if self.radius < 1 else "diverges"

    @property
    def last_quarter(self) -> tuple[float, ...]:
        """The distances in the last quarter of a run."""
        return self.distances[-max(1, len(self.distances) // 4) :]

    @property
    def half_life(self) -> float:
        """Discriminator steps in which a displacement halves, or doubles if it grows; NaN if the radius is unknown."""
        if self.distances:
            return math.nan
        if self.verdict == "orbits":
            return math.inf
        return abs(math.log(2) / math.log(self.radius)) if self.radius > 0 else 0.0


def stability(config: Mapping[str, Any]) -> Stability:
    """Find the equilibrium of a checked config of ``gan-stability``, and what a training step does near it.

    The Jacobian is that of the real training step, taken by central differences in float64: the step cuts its graph
    between the networks, so automatic differentiation does not get through it. Its state is all that a step changes:
    weights, states of optimizers and penalties. Where differences depend on the displacement or its sign, there is no
    Jacobian, and a run that starts near the equilibrium answers instead.

    Raises:
        ConfigError: No equilibrium has been found.
    """
    known = _equilibrium(config)
    step = EquilibriumStep(config)
    at = step.at(known)
    residual = float(np.abs(step(at) - at).max())
    jacobian = jacobian_of(step, at)
    if jacobian is None:
        distances = config["distance"], *map(float, step.run(known, config["distance"], config["steps"]))
        return Stability(np.zeros(0, dtype=np.complex128), 0, step.period, residual, distances)
    eigenvalues = np.linalg.eigvals(jacobian).astype(np.complex128)
    neutral = np.abs(eigenvalues - 1) <= STEADY
    others = eigenvalues[~neutral]
    return Stability(others[np.argsort(-np.abs(others))], int(neutral.sum()), step.period, residual)


def jacobian_of(step: EquilibriumStep, at: Array) -> Array | None:
    """Return the Jacobian ``(n, n)`` of a step at a state ``(n,)``; ``None`` if it is not differentiable there."""
    centre, columns = step(at), []
    for index in range(len(at)):
        column = _column(step, at, centre, index)
        if column is None:
            return None
        columns.append(column)
    return np.stack(columns, axis=1)


def _column(step: EquilibriumStep, at: Array, centre: Array, index: int) -> Array | None:
    slopes = []
    for displacement in (_DISPLACEMENT, _DISPLACEMENT / 10):
        moved = np.zeros_like(at)
        moved[index] = displacement
        forward, backward = (step(at + moved) - centre) / displacement, (centre - step(at - moved)) / displacement
        backward = np.where(np.isnan(backward), forward, backward)  # the square root of a negative mean square
        slopes += [(forward + backward) / 2, forward, backward]
    scale = max(1.0, float(np.abs(slopes[0]).max()))
    agree = all(np.allclose(slopes[0], other, rtol=0, atol=_AGREEMENT * scale) for other in slopes[1:])
    return slopes[0] if agree else None


def _equilibrium(config: Mapping[str, Any]) -> Array:
    """Return weights and buffers at the equilibrium, where both gradients vanish: Newton's method.

    It starts at the solution that the generator knows with a discriminator of zeros, which most often is the answer.
    """
    optimizers = {"generator": _DESCENT, "discriminator": _DESCENT, "clip": _UNCLIPPED}
    model = {**config["model"], "update_order": "simultaneous", "unroll_steps": 0, "generator_steps": 1}
    descent = {**config, "optimizer": {**config["optimizer"], **optimizers}, "model": model, "d_steps": 1}
    step = EquilibriumStep(descent, lazy=False)
    state = step.at(step.start())
    for _ in range(20):
        change = step(state) - state
        if np.abs(change).max() <= _RESIDUAL:
            break
        jacobian = jacobian_of(step, state)
        if jacobian is None:
            break
        state = state - np.linalg.lstsq(jacobian - np.eye(len(state)), change, rcond=1e-9)[0]
    if not np.isfinite(state).all():
        raise ConfigError("no equilibrium: from the known solution Newton's method leads nowhere")
    return state
