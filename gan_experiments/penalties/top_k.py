"""Top-k training of the generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.rules import check_within_run
from gan_experiments.core.types import Fraction, PositiveInt
from gan_experiments.penalties.gradient import realism


class TopK(Penalty):
    """Train the generator only on the fakes with the highest scores (Sinha et al. 2020, algorithm 1).

    ``k`` is rounded to the nearest integer; PyTorch-StudioGAN rounds it down.

    Args:
        gamma: Factor by which the share of the batch decays, per ``decay_every`` images.
        floor: Smallest share of the batch.
        decay_every: Images between two decays; the default is an epoch of CIFAR-10.
    """

    couples_batch: ClassVar[bool] = True

    def __init__(self, gamma: Fraction = 0.99, floor: Fraction = 0.5, decay_every: PositiveInt = 50_000) -> None:
        super().__init__()
        self.gamma = gamma
        self.floor = floor
        self.decay_every = decay_every

    def generator_outputs(self, output: Tensor, step: Step) -> Tensor:
        """Return the ``k`` outputs with the highest scores, of the batch of this process."""
        share = max(self.gamma ** (step.images_seen // self.decay_every), self.floor)
        count = max(1, round(share * len(output)))
        return output[realism(step.discriminator, output).topk(count).indices]

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of a share that never decays."""
        yield from super().check(key, options, config)
        yield from check_within_run(key, "decay_every", "the generator is trained on all fakes throughout", config)
