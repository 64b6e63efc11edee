"""ADC-GAN: a classifier that tells real and fake images of each class apart."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.penalties.class_head import head_input


class ADCGAN(Penalty):
    """An auxiliary discriminative classifier of K real and K fake classes (Hou et al. 2022, equations 5 and 6).

    Unlike AC-GAN's, it knows the fakes, so that the generator learns the classes of the data also where the
    classifier's entropy would have to be minimized otherwise.
    """

    trains: ClassVar[str] = "twin_classifier"

    def discriminator(self, step: Step) -> Tensor:
        """Return the cross-entropy of reals as real and of fakes as fake images of their class."""
        return _error(step, *head_input(step, "real"), fake=False) + _error(step, *head_input(step, "fake"), fake=True)

    def generator(self, step: Step) -> Tensor:
        """Return the cross-entropy of fakes as real images of their class minus that as fake ones."""
        features, labels = head_input(step, "fake")
        return _error(step, features, labels, fake=False) - _error(step, features, labels, fake=True)


def _error(step: Step, features: Tensor, labels: Tensor, fake: bool) -> Tensor:
    logits = step.discriminator.class_head(features)  # type: ignore[operator]
    return cross_entropy(logits, labels + fake * (logits.shape[1] // 2))
