"""Projection of real images onto a generator: the styles whose images come nearest, and the way between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import image_grid, to_float
from gan_experiments.core.perceptual import MIN_PIXELS, Backbone, PerceptualEmbedding, load_backbone, reduced
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts, NonNegativeInt, PositiveFloat, PositiveInt
from gan_experiments.data.files.framing import Framing
from gan_experiments.data.files.pictures import open_picture
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, device_of, in_batches, refuse_points

Distance = Literal["pixels", "alex", "vgg"]

_STYLES = 1000  # of random latents, whose mean the search begins at and whose spread scales its noise
_NOISE, _NOISY = 0.05, 0.75  # noise as a share of that spread, and the part of the search in which it falls to 0
_RISE, _FALL = 0.05, 0.25  # parts of the search in which the rate rises and falls


class Projection(Sheet):
    """A row of images, a row of their projections, and a row between each two of those.

    The schedule is that of the projector of StyleGAN2 (Karras et al. 2020, appendix D): from the mean style, Adam with
    a rate that rises and falls, and noise that vanishes. The distance there is LPIPS with VGG16, which needs weights;
    ``pixels`` is the mean square between images and between their halved copies. Maps of noise stay as they are.

    Args:
        images: Image files, cropped in the middle and resized.
        steps: Steps of Adam.
        rate: The largest learning rate.
        between: Images from one projection to the next, both included.
        label: The class of all images, for a conditional generator.
        distance: ``pixels``, or LPIPS (Zhang et al. 2018) with the network ``alex`` or ``vgg``.
        weights: File of that network's weights, torchvision's; ``None``: downloaded once into the user's cache folder.
    """

    def __init__(
        self,
        images: list[str],
        steps: PositiveInt = 300,
        rate: PositiveFloat = 0.1,
        between: PositiveInt = 8,
        label: NonNegativeInt | None = None,
        distance: Distance = "pixels",
        weights: str | None = None,
    ) -> None:
        self.images = images
        self.steps = steps
        self.rate = rate
        self.between = between
        self.label = label
        self.distance = distance
        self.weights = weights

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "projection")
        if not self.images:
            raise ConfigError("output.images: names no file")
        targets, styles, labels = self.projected(generator, seed)
        columns = max(len(targets), self.between)
        rows = [_row(targets.cpu(), columns), _row(in_batches(generator.synthesize, styles, labels), columns)]
        positions = torch.linspace(0, 1, self.between, device=styles.device)[:, None]
        for first, last in pairwise(styles):
            own = None if labels is None else labels[:1].expand(self.between)
            rows.append(_row(in_batches(generator.synthesize, torch.lerp(first, last, positions), own), columns))
        return image_grid(torch.cat(rows), columns=columns, bits=generator.facts.bits)

    def projected(self, generator: Generator, seed: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the images ``(B, C, H, W)`` in [-1, 1], the styles of their projections ``(B, D)``, and the labels.

        Raises:
            ConfigError: A file cannot be read, the class does not fit, or LPIPS has no weights or too small images.
        """
        labels, device = self.labels(generator, len(self.images)), device_of(generator)
        targets = torch.stack([read_image(Path(path), generator.facts) for path in self.images])
        targets = to_float(targets.to(device))
        if self.distance == "pixels" and self.weights is not None:
            raise ConfigError("output.weights: of no use with output.distance=pixels")
        distance = image_distance if self.distance == "pixels" else lpips(self.distance, self.weights, generator)
        stream = Stream(seed, "projection")
        return targets, project(generator, targets, labels, stream, self.steps, self.rate, distance), labels

    def labels(self, generator: Generator, count: int) -> Tensor | None:
        """Return the class of each of ``count`` images; ``None`` for a generator that takes none.

        Raises:
            ConfigError: The class does not fit the generator.
        """
        classes = generator.facts.num_classes if generator.conditional else 0
        if (self.label is None) != (classes == 0) or (self.label or 0) >= max(classes, 1):
            which = f"a class of 0 to {classes - 1}" if classes else "null: the generator takes no labels"
            raise ConfigError(f"output.label: {self.label} is not {which}")
        return None if self.label is None else torch.full((count,), self.label, device=device_of(generator))


def project(
    generator: Generator,
    targets: Tensor,
    labels: Tensor | None,
    stream: Stream,
    steps: int,
    rate: float,
    distance: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the styles ``(B, D)`` whose images are nearest to ``targets``, ``(B, C, H, W)`` in [-1, 1].

    Args:
        generator: In evaluation mode.
        targets: The images.
        labels: Their classes ``(B,)``, if the generator is conditional.
        stream: Of the latents of the mean style, and of the noise.
        steps: Steps of Adam.
        rate: The largest learning rate.
        distance: Of images from the targets, added up; ``None``: :func:`image_distance`.
    """
    distance = distance or image_distance
    device = targets.device
    latents = stream.normal(_STYLES, generator.latent_dim).to(device)
    drawn = generator.styles(latents, None if labels is None else labels[:1].expand(_STYLES))
    spread = drawn.std(dim=0).norm() / math.sqrt(drawn.shape[1])
    with torch.enable_grad():
        styles = drawn.mean(dim=0).repeat(len(targets), 1).requires_grad_()
        optimizer = torch.optim.Adam([styles], betas=(0.9, 0.999))
        for step in range(steps):
            done = step / steps
            optimizer.param_groups[0]["lr"] = rate * _pace(done)
            noise = stream.normal(*styles.shape).to(device)
            strength = spread * _NOISE * max(0.0, 1.0 - done / _NOISY) ** 2
            far = distance(generator.synthesize(styles + noise * strength, labels), targets)
            (styles.grad,) = torch.autograd.grad(far, styles)
            optimizer.step()
    return styles.detach()


def image_distance(images: Tensor, targets: Tensor) -> Tensor:
    """Return the mean square between images ``(B, C, H, W)``, plus that between their copies of half the size, and on.

    Each image counts by itself: the sum over the batch.
    """
    total = images.new_zeros(())
    while True:
        total = total + (images - targets).square().mean(dim=(1, 2, 3)).sum()
        if min(images.shape[2:]) < 4:
            return total
        images, targets = avg_pool2d(images, 2), avg_pool2d(targets, 2)


def lpips(network: Backbone, weights: str | None, generator: Generator) -> Callable[[Tensor, Tensor], Tensor]:
    """Return LPIPS as a distance for :func:`project`; as in StyleGAN2's projector, of images of 256 pixels at most.

    Raises:
        ConfigError: The images are too small, or the weights are not available or of another network.
    """
    facts = generator.facts
    if facts.shorter_side < MIN_PIXELS or facts.channels == 2:
        raise ConfigError(f"output.distance: LPIPS needs grey or coloured images of {MIN_PIXELS} pixels; take pixels")
    embed = PerceptualEmbedding(load_backbone(weights, "output.weights", network), network).to(device_of(generator))

    def distance(images: Tensor, targets: Tensor) -> Tensor:
        first, second = (embed(reduced(each[:, :3])) for each in (images, targets))
        total: Tensor = (first - second).square().sum()
        return total

    return distance


def read_image(path: Path, facts: DataFacts) -> Tensor:
    """Read an image file as a generator's images are: uint8 or uint16 ``(C, H, W)``.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with open_picture(path.expanduser()) as picture:
            framing = Framing(facts.image_size, facts.channels, "lanczos", facts.bits)
            return torch.from_numpy(framing(picture).copy())
    except Exception as error:  # Pillow raises exceptions of many types for damaged files
        raise ConfigError(f"output.images: {path} cannot be read: {error}") from None


def _pace(done: float) -> float:
    """Return the learning rate as a share of the largest, from the share of the steps that are done."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1.0 - done) / _FALL))
    return fall * min(1.0, done / _RISE)


def _row(images: Tensor, columns: int) -> Tensor:
    """Return a row of a sheet, filled with white up to its end."""
    return torch.cat([images, images.new_ones(columns - len(images), *images.shape[1:])])
