"""What the program builds of a config for every system, whatever its networks are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from torch import nn
from torch.optim import Optimizer

from gan_experiments.core.clock import Clock
from gan_experiments.core.contracts import Augmentation, Loss, Penalty
from gan_experiments.systems.schedule import LearningRateSchedule

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class TrainingSetup(NamedTuple):
    """What a system is trained with: an argument of every system, which a config cannot set.

    Attributes:
        clock: Images seen; holds the global batch size.
        seed: Seed of all random numbers.
        ema_half_life: Half-life of the generator's moving average, in images; 0: no averaging.
        optimizers: For each network with an optimizer of its own, a function from parameters to that.
        schedule: Factor of all learning rates.
        clip: Largest gradient norm of each network; ``None``: no clipping.
        loss: The adversarial loss; ``None`` for a system without a discriminator, as what follows is empty.
        penalties: Regularization terms and constraints, by name.
        augmentations: Applied to all images that a discriminator sees, by name, in this order.
        d_steps: Discriminator steps, each on its own batch, per generator step.
    """

    clock: Clock
    seed: int
    ema_half_life: int
    optimizers: Mapping[str, OptimizerFactory]
    schedule: LearningRateSchedule
    clip: Mapping[str, float | None]
    loss: Loss | None = None
    penalties: Mapping[str, Penalty] = {}
    augmentations: Mapping[str, Augmentation] = {}
    d_steps: int = 1
