"""The vocabulary that every layer shares; imports no torch, so that a config can be checked without it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple


class Range(NamedTuple):
    """Bounds of a number in a config; ``low_open`` and ``high_open`` exclude the bound itself."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False


class Pattern(NamedTuple):
    """What a text in a config must match as a whole, and how to call such a text in an error."""

    regex: str
    text: str


PositiveInt = Annotated[int, Range(low=1)]
NonNegativeInt = Annotated[int, Range(low=0)]
PositiveFloat = Annotated[float, Range(low=0.0, low_open=True)]
NonNegativeFloat = Annotated[float, Range(low=0.0)]
Fraction = Annotated[float, Range(low=0.0, high=1.0)]
LongTail = Annotated[float, Range(low=1.0)]  # the largest class over the smallest


@dataclass(frozen=True)
class DataFacts:
    """What a dataset tells the networks, so that no model config repeats it.

    Attributes:
        name: The dataset's name.
        image_size: Height and width in pixels.
        channels: Colour channels of an image.
        num_classes: Number of classes; 0 if the images carry no labels.
        num_images: Training images; ``None`` until the data has been looked at.
    """

    name: str
    image_size: int
    channels: int
    num_classes: int = 0
    num_images: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain values, for a record or a checkpoint."""
        return asdict(self)


class ConfigError(Exception):
    """A config that cannot be run; ``problems`` holds one line each. Ends a command with exit code 2."""

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class DivergedError(Exception):
    """A loss or a gradient that is no longer finite. Ends a command with exit code 3."""
