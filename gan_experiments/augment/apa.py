"""Adaptive pseudo augmentation: fakes shown as reals."""

from __future__ import annotations

from typing import ClassVar

import torch

from gan_experiments.augment.adaptive import Adaptive, Sign
from gan_experiments.core.contracts import Batch
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import Fraction, PositiveInt


class APA(Adaptive):
    """Adaptive pseudo augmentation (Jiang et al. 2021): each real is replaced by a fake with probability p.

    These fakes are generated separately from those of the step, with labels of their own.

    Args:
        p: Initial probability.
        target: Target of the mean sign of outputs for images shown as real; ``None`` keeps p constant.
        interval: Discriminator steps between two changes of p.
        images: Images seen over which p can change from 0 to 1.
    """

    mixes_in_fakes: ClassVar[bool] = True

    def __init__(
        self,
        p: Fraction = 0.0,
        target: Sign | None = 0.6,
        interval: PositiveInt = 4,
        images: PositiveInt = 500_000,
    ) -> None:
        super().__init__(p, target, interval, images)

    def as_real(self, real: Batch, fake: Batch, rng: Stream, images_seen: int) -> Batch:
        """Return reals ``(B, C, H, W)``, some of them replaced by fakes, with labels ``(B,)``."""
        chosen = rng.uniform(len(real.images)) < self.p
        images = torch.where(chosen[:, None, None, None], fake.images.to(real.images.dtype), real.images)
        labels = real.labels
        if labels is not None and fake.labels is not None:
            labels = torch.where(chosen, fake.labels, labels)
        return Batch(images, labels)
