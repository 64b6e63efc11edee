"""What a run has written down of its data, where their files are not there: enough for its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.base import ImageData


class RememberedData(ImageData):
    """The facts of data without the images; why those are ``missing`` is raised where they are needed."""

    def __init__(self, facts: DataFacts, missing: ConfigError) -> None:
        super().__init__()
        self.known = facts
        asked = "this needs the images of the run: where are they now?"
        self._missing = [f"{problem}; {asked} ({problem.partition(':')[0]}=...)" for problem in missing.problems]

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read no images.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(self._missing)


def present_or_remembered(data: ImageData, record: Mapping[str, Any]) -> ImageData:
    """Return data, or what the record of a run says of them where their files are not there.

    Raises:
        ConfigError: The files are not there, and the record does not say enough.
    """
    try:
        _ = data.facts
    except ConfigError as missing:
        facts = _facts(record.get("dataset"))
        if facts is None or data.domains:  # the inputs of a translator are files, too
            raise
        return RememberedData(facts, missing)
    return data


def _facts(written: Any) -> DataFacts | None:
    """Return the facts in a record, which may be a stranger's; ``None`` if they are none."""
    if not isinstance(written, Mapping):
        return None
    name, size = written.get("name"), written.get("image_size")
    sides: Any = size if isinstance(size, list) and len(size) == 2 else [size]
    numbers: list[Any] = [*sides, *(written.get(key) for key in ("channels", "num_classes")), written.get("bits", 8)]
    if not isinstance(name, str) or not all(type(number) is int for number in numbers):
        return None
    *sides, channels, classes, bits = numbers
    if min(*sides, channels) < 1 or classes < 0 or bits not in (8, 16):
        return None
    return DataFacts(name, (sides[0], sides[-1]), channels, classes, bits=bits)
