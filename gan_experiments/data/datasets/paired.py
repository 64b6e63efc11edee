"""Paired images: two halves of one picture, or two folders with the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import PurePath
from typing import Any, ClassVar, Literal

from PIL import Image, ImageOps
from torch import Tensor

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError, DataFacts, ImageSize
from gan_experiments.data.base import ImageData
from gan_experiments.data.datasets.unpaired import source_at
from gan_experiments.data.files import cropping
from gan_experiments.data.files.framing import Bits, Channels, Framing, Resize, guess_size
from gan_experiments.data.files.listing import Archive, Folder, Listing, list_images
from gan_experiments.data.files.pictures import Opener, Picture, upright_size
from gan_experiments.data.files.pixel_cache import Pixels, load_pixels
from gan_experiments.data.inputs import Inputs, StoredInputs

_LISTED = 10  # pairs that a message names


class Half:
    """The left or the right half of pictures, turned upright, that hold the images of both domains side by side."""

    def __init__(self, source: Folder | Archive, right: bool) -> None:
        self.source = source
        self.right = right

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens the half of a picture by its name."""
        with self.source.opened() as open_:

            def open_half(name: str) -> Picture:
                picture = open_(name)
                if isinstance(picture, Image.Image):
                    picture = ImageOps.exif_transpose(picture)
                middle = picture.width // 2
                left = middle if self.right else 0
                return picture.crop((left, 0, left + middle, picture.height))

            yield open_half


class Paired(ImageData):
    """Pairs of images: an input and what is to be made of it. Every file must be readable.

    Args:
        root: Folder or zip archive of pictures with both images side by side.
        root_a: Folder or archive of the inputs, instead of ``root``.
        root_b: Folder or archive of the images, with the same names up to the suffix.
        inputs: Which half of a side-by-side picture is the input.
        image_size: Height and width in pixels, one number for squares; default: the shorter side of the first image, if
            at most 256.
        channels_a: Of the inputs: 1 for grey, 3 for RGB, or another number, as in :class:`ImageFiles`.
        channels_b: Of the images.
        bits: 8, or 16 to keep the range of grey images of 16 bits and of arrays.
        resize: Resampling filter; all are antialiased.
        **options: Options of every dataset.
    """

    domains: ClassVar[str] = "paired"
    has_answers: ClassVar[bool] = True
    has_labels: ClassVar[bool] = False

    def __init__(
        self,
        root: str | None = None,
        root_a: str | None = None,
        root_b: str | None = None,
        inputs: Literal["left", "right"] = "left",
        image_size: ImageSize | None = None,
        channels_a: Channels = 3,
        channels_b: Channels = 3,
        bits: Bits = 8,
        resize: Resize = "lanczos",
        **options: Any,
    ) -> None:
        hint = options.pop("hint", "")  # of a subclass: what to put where there is nothing
        super().__init__(**options)
        sources = [(root, "root")] if root else [(root_a, "root_a"), (root_b, "root_b")]
        self._files = [source_at(str(path), f"dataset.{name}", hint) for path, name in sources]
        sides = [Half(self._files[0], right) for right in (inputs == "right", inputs != "right")]
        self._opened: list[Any] = sides if root else list(self._files)
        self._side = inputs if root else ""
        self._size, self._channels, self._resize = image_size, (channels_a, channels_b), resize
        self._bits: Bits = bits
        self.inputs = Inputs(self, channels_a, paired=True, load=lambda: StoredInputs(self._pixels(0).images))

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse other sources than ``root`` alone, or ``root_a`` with ``root_b``."""
        yield from super().check(key, options, config)
        given = [name for name in ("root", "root_a", "root_b") if options.get(name) is not None]
        if given not in (["root"], ["root_a", "root_b"]):
            text = "give root, of pictures with both images side by side, or root_a and root_b"
            yield Problem(f"{key}.{given[-1] if given else 'root'}", text, missing=not given)

    @property
    def facts(self) -> DataFacts:
        """The facts of the images that are to be made."""
        name = "_to_".join(each.path.resolve().stem for each in self._files)
        size, count = self._framings[1].image_size, len(self._listings[-1].names)
        return DataFacts(name, size, self._channels[1], 0, count, bits=self._bits)

    def prepare_data(self) -> None:
        """Decode the images, unless they are in the cache.

        Raises:
            ConfigError: An image has no partner, or one of another size, or cannot be read.
        """
        self._check_pairs()
        self._pixels(0)
        self.setup()

    def load(self) -> tuple[Tensor, None]:
        """Map the images: uint8 ``(N, C, H, W)``."""
        pixels = self._pixels(1)
        cropping.warn(pixels.sizes, self._size is None)
        return pixels.images, None

    def about_files(self) -> dict[str, list[str]]:
        """Describe the image sizes, which are the same for the inputs, and the resize."""
        sizes = self._pixels(1).sizes
        return {
            "in files": [f"{size} {count:,}" for size, count in sizes.items()],
            "resized": [cropping.words(self._framings[1], sizes, self._size is None)],
        }

    def provenance(self) -> dict[str, Any]:
        """Return, beside the rest, how files became pixels, and the hash of the files of the inputs."""
        return {
            **super().provenance(),
            **self._framings[0].recipe(),
            "files_a": self._listings[0].key,
            "side": self._side,
        }

    @cached_property
    def _listings(self) -> list[Listing]:
        return [list_images(each, "") for each in self._files]

    @cached_property
    def _framings(self) -> list[Framing]:
        size = self._size or guess_size(self._listings[-1].names[0], self._opened[1].opened())
        return [Framing(size, channels, self._resize, self._bits) for channels in self._channels]

    def _pixels(self, which: int) -> Pixels:
        listing = self._listings[min(which, len(self._files) - 1)]
        side = {"left": "ab", "right": "ba"}[self._side][which] + ", upright" if self._side else ""
        name = self._files[min(which, len(self._files) - 1)].path.resolve().stem[:60] or "images"
        opened, framing = self._opened[which].opened(), self._framings[which]
        folder = cache_folder() / "images"
        names = sorted(listing.names, key=_stem)
        return load_pixels(folder, name, f"{listing.key} {side}", names, opened, framing, max_bad=0)

    def _check_pairs(self) -> None:
        """Refuse images without a partner, and pairs of two sizes."""
        if len(self._files) == 1:
            return
        a, b = ({_stem(name): name for name in each.names} for each in self._listings)
        problems = []
        for key, own, listing in (("root_a", a, self._listings[0]), ("root_b", b, self._listings[1])):
            doubles = [name for name in listing.names if own[_stem(name)] != name]
            if doubles:
                text = f"the names of two images differ in their suffix only: {first_few(doubles, _LISTED)}"
                problems.append(f"dataset.{key}: {text}")
        for key, own, other, missing in (("root_a", a, b, "root_b"), ("root_b", b, a, "root_a")):
            alone = [name for stem, name in own.items() if stem not in other]
            if alone:
                text = f"{len(alone):,} of {len(own):,} images have no partner in {missing}"
                problems.append(f"dataset.{key}: {text}: {first_few(alone, _LISTED)}")
        if problems:
            raise ConfigError(problems)
        self._check_sizes(a, b)

    def _check_sizes(self, a: Mapping[str, str], b: Mapping[str, str]) -> None:
        different = []
        with ExitStack() as stack:
            open_a, open_b = (stack.enter_context(each.opened()) for each in self._files)
            for stem in a:
                sizes = []
                for open_, name in ((open_a, a[stem]), (open_b, b[stem])):
                    try:
                        with open_(name) as image:
                            sizes.append(upright_size(image, header_alone=True))
                    except Exception:  # decoding says what is wrong with the file
                        break
                if len(set(sizes)) > 1:
                    different.append(f"{a[stem]} ({' and '.join(sizes)})")
        if different:
            text = f"{len(different):,} of {len(a):,} pairs have images of two sizes: {first_few(different, _LISTED)}"
            raise ConfigError(f"dataset: {text}")


def _stem(name: str) -> str:
    return str(PurePath(name).with_suffix(""))
