"""TAC-GAN: a second classifier, of fakes alone, beside that of AC-GAN."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.penalties.class_head import head_input


class TACGAN(Penalty):
    """A classifier of reals and a twin of fakes, which the generator deceives (Gong et al. 2019, equations 4 and 5).

    With an auxiliary classifier alone the generator avoids images that could belong to another class; the twin's
    cross-entropy, which it maximizes, gives that variety back. The heads are the first and the second half of a
    classifier of twice as many classes.
    """

    trains: ClassVar[str] = "twin_classifier"

    def discriminator(self, step: Step) -> Tensor:
        """Return the cross-entropy of reals in the classifier plus that of fakes in its twin."""
        return _errors(step, *head_input(step, "real"))[0] + _errors(step, *head_input(step, "fake"))[1]

    def generator(self, step: Step) -> Tensor:
        """Return the cross-entropy of fakes in the classifier minus that in its twin."""
        classifier, twin = _errors(step, *head_input(step, "fake"))
        return classifier - twin


def _errors(step: Step, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    classifier, twin = step.discriminator.class_head(features).chunk(2, dim=1)  # type: ignore[operator]
    return cross_entropy(classifier, labels), cross_entropy(twin, labels)
