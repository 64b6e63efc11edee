"""Unpaired images of two domains: two folders or archives, or two classes of one dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.text import suggest
from gan_experiments.core.types import ConfigError, DataFacts, ImageSize, NonNegativeInt
from gan_experiments.data.base import ImageData
from gan_experiments.data.datasets.image_files import ImageFiles
from gan_experiments.data.files.framing import Bits, Channels, Resize
from gan_experiments.data.files.listing import Archive, Folder
from gan_experiments.data.inputs import Inputs, StoredInputs


def source_at(path: str | Path, key: str, hint: str = "") -> Folder | Archive:
    """Return the source of the image files in a folder, or in a zip archive if ``path`` is a file."""
    where = Path(path).expanduser()
    return Archive(where, key) if where.is_file() else Folder(where, key, hint)


class Domain(ImageFiles):
    """The image files of one domain; ``guessed``: ``image_size`` is not the user's, but that of the other domain."""

    def __init__(self, source: Folder | Archive, guessed: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.source = source
        self._guessed |= guessed


class Unpaired(ImageData):
    """Image files of two domains, A and B, each in a folder or a zip archive; a translator learns to make B of A.

    Generated images are compared with those of B, and ``limit`` is about B.

    Args:
        root_a: Folder or archive of domain A, the inputs.
        root_b: Folder or archive of domain B.
        image_size: Height and width in pixels, one number for squares; default: the shorter side of the first image of
            B, if at most 256.
        channels_a: 1 for grey, 3 for RGB, or another number, as in :class:`ImageFiles`.
        channels_b: The same for B.
        bits: 8, or 16 to keep the range of grey images of 16 bits and of arrays.
        resize: Resampling filter; all are antialiased.
        max_bad: Number of unreadable files to tolerate in each domain.
        **options: Options of every dataset.
    """

    domains: ClassVar[str] = "unpaired"
    has_labels: ClassVar[bool] = False

    def __init__(
        self,
        root_a: str,
        root_b: str,
        image_size: ImageSize | None = None,
        channels_a: Channels = 3,
        channels_b: Channels = 3,
        bits: Bits = 8,
        resize: Resize = "lanczos",
        max_bad: NonNegativeInt = 10,
        **options: Any,
    ) -> None:
        hint = options.pop("hint", "")  # of a subclass: what to put where there is nothing
        super().__init__(**options)
        files: dict[str, Any] = {"resize": resize, "max_bad": max_bad, "bits": bits}
        self._b = Domain(source_at(root_b, "dataset.root_b", hint), image_size=image_size, channels=channels_b, **files)
        size = self._b.framing.image_size
        source, guessed = source_at(root_a, "dataset.root_a", hint), image_size is None
        self._a = Domain(source, guessed, image_size=size, channels=channels_a, **files)
        self.inputs = Inputs(self, channels_a, paired=False, load=lambda: StoredInputs(self._a.images))

    @property
    def facts(self) -> DataFacts:
        """The facts of domain B; the name holds both."""
        facts = self._b.facts
        return replace(facts, name=f"{self._a.facts.name}_to_{facts.name}", num_classes=0)

    def prepare_data(self) -> None:
        """Decode the image files of both domains, unless they are in the cache.

        Raises:
            ConfigError: A domain is empty, or more than ``max_bad`` of its files are unreadable.
        """
        self._a.setup()
        self.setup()

    def load(self) -> tuple[Tensor, None]:
        """Map the images of domain B: uint8 ``(N, C, H, W)``."""
        return self._b.images, None

    def provenance(self) -> dict[str, Any]:
        """Return, beside the rest, how many files of both domains were unreadable."""
        return {**super().provenance(), "skipped": len(self._a.skipped) + len(self._b.skipped)}

    def about_files(self) -> dict[str, list[str]]:
        """Describe the files of both domains."""
        both = (("A: ", self._a), ("B: ", self._b))
        return {name + title: words for name, each in both for title, words in each.about_files().items()}


class TwoClasses(ImageData):
    """Two classes of any dataset as the domains A and B.

    Args:
        of: The dataset.
        class_a: Name or number of the class whose images are the inputs.
        class_b: Name or number of the class that they are turned into.
        **options: Options of every dataset, about class B.
    """

    domains: ClassVar[str] = "unpaired"
    has_labels: ClassVar[bool] = False

    def __init__(self, of: ImageData, class_a: str | int, class_b: str | int, **options: Any) -> None:
        super().__init__(**options)
        self._of = of
        self._classes = class_a, class_b
        self.inputs = Inputs(self, of.facts.channels, paired=False, load=lambda: StoredInputs(self._class(0)))

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse two classes that are the same."""
        yield from super().check(key, options, config)
        classes = [config.get(f"{key}.{name}") for name in ("class_a", "class_b")]
        if classes[0] is not None and classes[0] == classes[1]:
            yield Problem(f"{key}.class_b", "is the same class as class_a")

    @property
    def facts(self) -> DataFacts:
        """The facts of the dataset, without classes."""
        facts = self._of.facts
        a, b = (str(each) for each in self._classes)
        return replace(facts, name=f"{facts.name}_{a}_to_{b}", num_classes=0, num_images=None)

    def prepare_data(self) -> None:
        """Fetch the dataset, and look both classes up.

        Raises:
            ConfigError: There is no such class, or both are the same.
        """
        self._of.prepare_data()
        if self._index(0) == self._index(1):
            raise ConfigError("dataset.class_b: is the same class as class_a")
        self.setup()

    def load(self) -> tuple[Tensor, None]:
        """Return the images of class B: uint8 ``(N, C, H, W)``."""
        return self._class(1), None

    def _class(self, which: int) -> Tensor:
        return self._of.images[self._of.labels == self._index(which)]

    def _index(self, which: int) -> int:
        key = f"dataset.class_{'ab'[which]}"
        if self._of.labels is None:
            raise ConfigError(f"{key}: {self._of.facts.name} has no classes")
        name, names = str(self._classes[which]), self._of.class_names
        index = names.index(name) if name in names else int(name) if name.isdecimal() else -1
        if not 0 <= index < len(names):
            raise ConfigError(f"{key}: no class {name!r}{suggest(name, names, listed=True)}")
        return index
