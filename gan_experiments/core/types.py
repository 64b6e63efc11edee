"""Annotated types of config values, facts of a dataset, and errors. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol

from annotated_types import Interval

from gan_experiments.core.escape import printable
from gan_experiments.core.torch_version import too_old

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
Pixels = Annotated[int, Interval(ge=2)]  # of a side of an image: one of a single pixel counts as a point
ImageSize = Pixels | tuple[Pixels, Pixels]  # of squares, or height and width
Width = Annotated[int, Interval(ge=1, le=65_536)]  # channels, units or features of a layer
Repeats = Annotated[int, Interval(ge=1, le=10_000)]  # of what takes time whenever it is done
Power = Annotated[float, Interval(ge=2, le=100)]  # of a norm, whose square has a derivative at 0
Packing = Annotated[int, Interval(ge=1, le=100)]  # images that a discriminator sees at a time
StandingBatches = Annotated[int, Interval(ge=0, le=10_000)]  # of standing statistics; 0: none
Depth = Annotated[int, Interval(ge=1, le=100)]  # layers or blocks: each takes time, however small


_INDEXES_UINT16 = (2, 10)  # the first version of torch that does


@dataclass(frozen=True)
class DataFacts:
    """What a dataset tells the networks, so that no model config repeats it.

    Attributes:
        name: The dataset's name.
        image_size: Height and width in pixels: one number for squares, two for rectangles.
        channels: Channels of an image: 1 for grey, 3 for RGB, any other number for other pictures.
        num_classes: Number of classes; 0 if the images carry no labels.
        num_images: Training images; ``None`` until the data has been looked at.
        input_channels: Channels of the images that a translator starts from; ``None`` where images are generated from
            noise. They have the same size.
        bits: Of a value in the data: 8 or 16.

    Raises:
        ConfigError: torch is too old for images of 16 bits.
    """

    name: str
    image_size: int | tuple[int, int]
    channels: int
    num_classes: int = 0
    num_images: int | None = None
    input_channels: int | None = None
    bits: int = 8

    def __post_init__(self) -> None:
        """Give squares one number, also where a file or a config has two."""
        if not isinstance(self.image_size, int):
            height, width = self.image_size
            object.__setattr__(self, "image_size", height if height == width else (height, width))
        if self.bits == 16 and (least := too_old(_INDEXES_UINT16)):
            raise ConfigError(f"dataset.bits: images of 16 bits need {least}; dataset.bits=8 rounds them")

    @property
    def height(self) -> int:
        """Height of an image in pixels."""
        return self.image_size if isinstance(self.image_size, int) else self.image_size[0]

    @property
    def width(self) -> int:
        """Width of an image in pixels."""
        return self.image_size if isinstance(self.image_size, int) else self.image_size[1]

    @property
    def shorter_side(self) -> int:
        """The smaller one of height and width."""
        return min(self.height, self.width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image: channels, height, width."""
        return self.channels, self.height, self.width

    @property
    def levels(self) -> int:
        """The largest value in the data: 255 or 65535."""
        return (1 << self.bits) - 1

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain values, for a record or a checkpoint; without those that say the usual."""
        usual = {"input_channels": None, "bits": 8}
        return {key: value for key, value in asdict(self).items() if key not in usual or value != usual[key]}

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
        num_cells: Number of cells that the distribution is divided into: its modes, if it has modes.
        weights: Probability of each cell times their number, ``(num_cells,)``; ``None``: all are equally probable.
    """

    num_cells: int
    weights: Tensor | None

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cell nearest each image, int64 ``(B,)``, and whether the image may be real, bool ``(B,)``."""


class ConfigError(Exception):
    """A config that cannot be run; ``problems`` holds one printable line each. Ends a command with exit code 2."""

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [printable(line) for line in ([problems] if isinstance(problems, str) else problems)]
        super().__init__("\n".join(self.problems))


class DivergedError(Exception):
    """A loss or a gradient that is no longer finite. Ends a command with exit code 3."""
