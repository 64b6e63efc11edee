"""Adaptive augmentation probability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from annotated_types import Interval
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Augmentation
from gan_experiments.core.distributed import mean_over_processes
from gan_experiments.core.rules import check_within_run, option
from gan_experiments.core.types import Fraction, PositiveInt

Sign = Annotated[float, Interval(ge=-1, le=1)]


class Adaptive(Augmentation):
    """Base of augmentations whose probability follows the mean sign of outputs for reals (Karras et al. 2020, eq. 1).

    Every ``interval`` steps the probability changes by ``interval * batch_size / images``: up if the mean sign since
    the last change was above the target, otherwise down. The sign of the outputs must be meaningful.

    Args:
        p: Initial probability.
        target: Target of the mean sign; ``None`` keeps the probability constant.
        interval: Discriminator steps between two changes.
        images: Images seen over which it can change from 0 to 1.
    """

    p: Tensor
    signs: Tensor

    def __init__(self, p: Fraction, target: Sign | None, interval: PositiveInt, images: PositiveInt) -> None:
        super().__init__()
        self.target = target
        self.interval = interval
        self.images = images
        self.register_buffer("p", torch.tensor(float(p)))
        self.register_buffer("signs", torch.zeros(()))  # sum of the mean signs since the last change

    @torch.no_grad()
    def observe(self, real_output: Tensor, images_seen: int, batch_size: int) -> None:
        """Add the mean sign of outputs over all processes, and change the probability when it is due."""
        if self.target is None:
            return
        self.signs += mean_over_processes(real_output.sign().mean())
        if (images_seen // batch_size + 1) % self.interval == 0:
            step = self.interval * batch_size / self.images
            self.p += step * (self.signs / self.interval - self.target).sign()
            self.p.clamp_(0.0, 1.0)
            self.signs.zero_()

    @property
    def probability(self) -> Tensor | None:
        """The probability, if it adapts; otherwise ``None``."""
        return None if self.target is None else self.p

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse to follow the sign of energies, which never changes; warn if it means nothing or p hardly moves."""
        yield from super().check(key, options, config)
        if option(config, key, "target") is None:
            return
        yield from check_within_run(key, "interval", "p stays what it is", config, steps=True)
        yield from check_within_run(key, "images", "p cannot change from 0 to 1", config)
        loss = config.component("loss")
        if loss is None:
            return
        if getattr(loss, "discriminator_output", "") == "energy":
            text = f"{loss.__name__} is computed on energies, which are never negative; null keeps p constant"
            yield Problem(f"{key}.target", text)
        if getattr(loss, "shift_invariant", False):
            reason = f"{loss.__name__} depends only on differences of outputs, so their sign means nothing"
            yield Problem(f"{key}.target", f"{reason}; null keeps p constant, or lets a ramp move it", warning=True)
