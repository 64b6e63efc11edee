"""Power spectra of generated and real images, which show periodic artifacts and missing detail."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import (
    BATCH,
    Sheet,
    cycle_labels,
    draw_latents,
    in_batches,
    refuse_points,
    stored_by,
)

_BETA = 8.0  # of the Kaiser window; this and the factor are the authors'
_FACTOR = 4  # to which images are padded, so that the spectrum has as many points between two frequencies
_VALUES = 2**22  # transformed at a time
_DEEPEST = 80.0  # decibels below the largest value that are shown
_SIZE = 7.2, 6.4  # inches


class Spectrum(Sheet):
    """Average power spectra of real and generated images, as maps and along a row and a diagonal, in decibels.

    They are taken as by Karras et al. 2021 (StyleGAN3, ``avg_spectra.py``): images less the mean of the real ones, over
    their standard deviation, in a Kaiser window. Regular patterns, such as those of transposed convolutions, are
    peaks that real images do not have; blur is a lack of power at high frequencies (Durall, Keuper & Keuper 2020).

    Args:
        count: Number of generated images, and of real ones if there are as many.
    """

    needs_data: ClassVar[bool] = True

    def __init__(self, count: PositiveInt = 1000) -> None:
        self.count = count

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "spectrum")
        latents, labels = draw_latents(generator, self.count, seed), cycle_labels(generator, self.count)
        generated = in_batches(stored_by(generator), latents, labels)
        order = Stream(seed, "spectrum").permutation(len(data.images))
        real = data.images[order[: self.count]]
        mean, deviation = _moments(real)
        sets = {"real": real, "generated": generated}
        spectra = {
            f"{len(images):,} {name}": power_spectrum(images, mean, deviation or 1.0) for name, images in sets.items()
        }
        return _drawn(spectra)


def power_spectrum(images: Tensor, mean: float, deviation: float) -> Tensor:
    """Return the power of each frequency, on average over images and channels; 1 everywhere for white noise.

    Args:
        images: Stored, or float in [-1, 1]: ``(N, C, H, W)``.
        mean: Of the values in [-1, 1], which is subtracted.
        deviation: Their standard deviation, by which they are divided.

    Returns:
        float64 ``(4 H, 4 W)``: frequencies from -1/2 per pixel on, 0 in the middle.
    """
    height, width = images.shape[2:]
    windows = [torch.kaiser_window(side, periodic=False, beta=_BETA, dtype=torch.float64) for side in (height, width)]
    window = torch.outer(*(each / each.norm() for each in windows))
    total = torch.zeros(_FACTOR * height, _FACTOR * width, dtype=torch.float64)
    at_a_time = max(1, _VALUES // (total.numel() * images.shape[1]))
    for part in torch.split(images, at_a_time):
        windowed = (to_float(part).double() - mean) / deviation * window
        padded = pad(windowed, (0, total.shape[1] - width, 0, total.shape[0] - height))
        total += torch.fft.fft2(padded).abs().square().mean(1).sum(0)
    shifted: Tensor = torch.fft.fftshift(total / len(images))
    return shifted


def _moments(images: Tensor) -> tuple[float, float]:
    """Return the mean of the values of stored images in [-1, 1], and their standard deviation."""
    count, total, squares = images.numel(), 0.0, 0.0
    for part in torch.split(images, BATCH):
        values = to_float(part).double()
        total, squares = total + float(values.sum()), squares + float(values.square().sum())
    return total / count, max(0.0, (squares - total**2 / count) / max(1, count - 1)) ** 0.5


def slices(spectrum: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return frequencies from 0 to 1/2 per pixel, and the power at them along a row and along a diagonal.

    On the diagonal it is the frequency in each direction.
    """
    height, width = spectrum.shape
    points = min(height, width) // 2
    frequencies = torch.arange(points + 1) / (2 * points)
    row, column = ((side // 2 + (frequencies * side).round().long()) % side for side in (height, width))  # -1/2 is 1/2
    return frequencies, spectrum[height // 2, column], spectrum[row, column]


def _drawn(spectra: dict[str, Tensor]) -> Tensor:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes half a second, and other sheets need none
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    above, below = figure.subplots(2, 2)
    decibels = {name: 10 * spectrum.clamp(min=1e-30).log10() for name, spectrum in spectra.items()}
    highest = max(float(values.max()) for values in decibels.values())
    lowest = max(highest - _DEEPEST, min(float(values.min()) for values in decibels.values()))
    for axes, (name, values) in zip(above, decibels.items(), strict=True):
        drawn = axes.imshow(values.numpy(), vmin=lowest, vmax=highest, extent=(-0.5, 0.5, -0.5, 0.5), origin="lower")
        axes.set(title=name, xlabel="cycles per pixel", ylabel="cycles per pixel")
    figure.colorbar(drawn, ax=above, label="dB")
    for style, (name, spectrum) in zip(("-", "--"), spectra.items(), strict=True):
        frequencies, *lines = slices(spectrum)
        for axes, line in zip(below, lines, strict=True):
            axes.plot(frequencies, 10 * line.clamp(min=1e-30).log10(), style, label=name)
    titles = {"along a row": "cycles per pixel", "along a diagonal": "cycles per pixel, in each direction"}
    for axes, (title, label) in zip(below, titles.items(), strict=True):
        axes.set(title=title, xlabel=label, ylabel="dB", xlim=(0, 0.5), ylim=(lowest, highest + 3))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return torch.from_numpy(np.asarray(canvas.buffer_rgba())[..., :3].copy()).permute(2, 0, 1)
