"""Videos of walks through the latents of a generator, or between projections of images, which end where they began."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Interval
from PIL import Image
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Generator
from gan_experiments.core.files import replacing
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError, NonNegativeInt, PositiveFloat, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import cycle_labels, device_of, draw_latents, in_batches, refuse_points
from gan_experiments.sampling.interpolation import slerp
from gan_experiments.sampling.projection import Distance, Projection

_OF_IMAGES, _OF_LATENTS = ("steps", "rate", "distance", "weights"), ("count", "walks", "path")
AtLeastTwo = Annotated[int, Interval(ge=2)]


class Video(Projection):
    """A walk from place to place and back to the first one; several walks are shown side by side.

    Places are latents, or the projections of images, found as :class:`Projection` finds them.

    Args:
        images: Image files to walk between, in one walk, along lines of styles; none: latents, as many as ``count``.
        count: Latents that a walk visits.
        walks: Walks at a time, in a square grid; each has a class, of a conditional generator, or ``label``.
        between: Frames from one place to the next.
        fps: Frames a second; a GIF counts hundredths of a second.
        path: Between latents: ``spherical``, along the great arc, or ``linear``.
        label: The class of all frames; images of a conditional generator need it.
        steps: Steps of the search for a projection.
        rate: Its largest learning rate.
        distance: Between an image and its projection.
        weights: File of the weights of LPIPS.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".gif", ".mp4")

    def __init__(
        self,
        images: list[str] | None = None,
        count: AtLeastTwo = 6,
        walks: PositiveInt = 4,
        between: AtLeastTwo = 25,
        fps: Annotated[int, Interval(ge=1, le=50)] = 25,
        path: Literal["spherical", "linear"] = "spherical",
        label: NonNegativeInt | None = None,
        steps: PositiveInt = 300,
        rate: PositiveFloat = 0.1,
        distance: Distance = "pixels",
        weights: str | None = None,
    ) -> None:
        super().__init__(images or [], steps, rate, between, label, distance, weights)
        self.count = count
        self.walks = walks
        self.fps = fps
        self.path = path

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the frames: uint8, ``(T, 3, H, W)``."""
        return torch.stack(list(self.frames(generator, seed)))

    def frames(self, generator: Generator, seed: int) -> Iterator[Tensor]:
        """Yield one frame after the other: uint8, ``(3, H, W)``.

        Raises:
            ConfigError: The generator makes points, or the images or the class do not fit.
        """
        refuse_points(generator, "video")
        if len(self.images) == 1:
            raise ConfigError("output.images: names one file; a way leads from one to another")
        if self.images:
            _, styles, labels = self.projected(generator, seed)
            places = styles[:, None]
            labels = None if labels is None else labels[:1]
        else:
            places = draw_latents(generator, self.count * self.walks, seed).view(self.count, self.walks, -1)
            labels = cycle_labels(generator, self.walks) if self.label is None else self.labels(generator, self.walks)
        make = generator.synthesize if self.images else generator
        walk: Callable[..., Tensor] = torch.lerp if self.images or self.path == "linear" else slerp
        columns = math.ceil(math.sqrt(places.shape[1]))
        positions = torch.arange(self.between, device=device_of(generator)) / self.between
        for first, last in zip(places, places.roll(-1, dims=0), strict=True):
            for position in positions:
                yield image_grid(in_batches(make, walk(first, last, position.view(1, 1)), labels), columns)

    def check_file(self, file: Path) -> None:
        """Refuse a file that no video can be written to here.

        Raises:
            ConfigError: Its suffix is another, or what writes it is not installed.
        """
        super().check_file(file)
        if file.suffix.lower() == ".mp4" and find_spec("av") is None:
            raise ConfigError("file: .mp4 needs PyAV: pip install 'gan-experiments[video]'; .gif needs nothing")

    def save(self, generator: Generator, data: ImageSource, seed: int, file: Path) -> None:
        """Write the video to a file: an MP4 one frame after the other, a GIF with all frames in memory."""
        write = _write_mp4 if file.suffix.lower() == ".mp4" else _write_gif
        with replacing(file) as temporary:
            write(self.frames(generator, seed), self.fps, temporary)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse options of projections without images, and options of latents with them."""
        unused, text = (_OF_LATENTS, "with") if options.get("images") else (_OF_IMAGES, "without")
        for name in unused:
            default = inspect.signature(cls).parameters[name].default
            if options.get(name, default) != default:
                yield Problem(f"{key}.{name}", f"of no use {text} {key}.images; leave it at {default}")


def _write_gif(frames: Iterator[Tensor], fps: int, path: Path) -> None:
    """Write frames as a GIF that begins again at its end; Pillow holds them all until it writes the file."""
    pictures = (Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in frames)
    milliseconds = 10 * round(100 / fps)
    next(pictures).save(path, "GIF", save_all=True, append_images=pictures, duration=milliseconds, loop=0)


def _write_mp4(frames: Iterator[Tensor], fps: int, path: Path) -> None:
    """Write frames as H.264, with the last row and column left out if there is an odd number of them."""
    import av

    first = next(frames)
    height, width = (length // 2 * 2 for length in first.shape[1:])
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for frame in chain([first], frames):
            pixels = frame[:, :height, :width].permute(1, 2, 0).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
