"""Feature matching: mean discriminator features of reals as a target for the generator."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.distributed import gathered
from gan_experiments.core.precision import in_float32


class FeatureMatching(Penalty):
    """Fakes should have the mean features of reals (Salimans et al. 2016, section 3.1), in addition to the loss."""

    needs_features: ClassVar[bool] = True
    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True

    def generator(self, step: Step) -> Tensor:
        """Return ``||E h(x) - E h(G(z))||^2``, of the means over the batch of all processes."""
        with torch.no_grad():
            real = _mean_features(step.discriminator, step.real, step.labels)
        fake = _mean_features(step.discriminator, step.fake, step.fake_labels)
        return (real - fake).square().sum()


def _mean_features(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Tensor:
    features: Tensor = discriminator.features(in_float32(images), labels)  # type: ignore[operator]
    return gathered(in_float32(features).mean(dim=0, keepdim=True)).mean(dim=0)
