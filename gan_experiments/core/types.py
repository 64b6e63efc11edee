"""Annotated types of config values, facts of a dataset, and errors. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol

from annotated_types import Interval

from gan_experiments.core.escape import printable

if TYPE_CHECKING:
    from torch import Tensor


class Described(NamedTuple):
    """Says of an annotated type, in an error, what it allows: ``text`` follows "is not"."""

    text: str


PositiveInt = Annotated[int, Interval(ge=1)]
NonNegativeInt = Annotated[int, Interval(ge=0)]
PositiveFloat = Annotated[float, Interval(gt=0)]
NonNegativeFloat = Annotated[float, Interval(ge=0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Share = Annotated[float, Interval(gt=0, le=1)]
LongTail = Annotated[float, Interval(ge=1)]  # the largest class over the smallest
Width = Annotated[int, Interval(ge=1, le=65_536)]  # channels, units or features of a layer
Repeats = Annotated[int, Interval(ge=1, le=10_000)]  # of what takes time whenever it is done
Packing = Annotated[int, Interval(ge=1, le=100)]  # images that a discriminator sees at a time
Depth = Annotated[int, Interval(ge=1, le=100)]  # layers or blocks: each takes time, however small


@dataclass(frozen=True)
class DataFacts:
    """What a dataset tells the networks, so that no model config repeats it.

    Attributes:
        name: The dataset's name.
        image_size: Height and width in pixels.
        channels: Colour channels of an image.
        num_classes: Number of classes; 0 if the images carry no labels.
        num_images: Training images; ``None`` until the data has been looked at.
        input_channels: Channels of the images that a translator starts from; ``None`` where images are generated from
            noise. They have the same size.
    """

    name: str
    image_size: int
    channels: int
    num_classes: int = 0
    num_images: int | None = None
    input_channels: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain values, for a record or a checkpoint."""
        facts = asdict(self)
        return facts if self.input_channels is not None else {k: facts[k] for k in facts if k != "input_channels"}

    def reversed(self) -> DataFacts:
        """Return the facts of the opposite direction: from the images to the inputs."""
        return replace(self, channels=self._channels_in, input_channels=self.channels, num_classes=0)

    def joint(self) -> DataFacts:
        """Return the facts of inputs and images as the channels of one image."""
        return replace(self, name=f"{self.name} with its inputs", channels=self._channels_in + self.channels)

    @property
    def _channels_in(self) -> int:
        if self.input_channels is None:
            raise ConfigError(f"dataset: {self.name} has no inputs to translate")
        return self.input_channels


class KnownDistribution(Protocol):
    """The distribution that a synthetic dataset is drawn from.

    Attributes:
        num_cells: Number of equally probable cells that the distribution is divided into: its modes, if it has modes.
    """

    num_cells: int

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cell nearest each image, int64 ``(B,)``, and whether the image may be real, bool ``(B,)``."""


class ConfigError(Exception):
    """A config that cannot be run; ``problems`` holds one printable line each. Ends a command with exit code 2."""

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [printable(line) for line in ([problems] if isinstance(problems, str) else problems)]
        super().__init__("\n".join(self.problems))


class DivergedError(Exception):
    """A loss or a gradient that is no longer finite. Ends a command with exit code 3."""
