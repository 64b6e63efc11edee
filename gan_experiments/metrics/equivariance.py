"""EQ-T and EQ-R: equivariance of a generator to translation and rotation of its input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.step import Batch, Generated, Translated
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.functional.equivariance import (
    MIN_PIXELS,
    fractional_translation_error,
    peak_signal_to_noise,
    rotation_error,
    rotation_matrix,
    translation_error,
)
from gan_experiments.metrics.measure import Measure

_FARTHEST = 0.125  # of a translation, as a share of the image


class Equivariance(Measure):
    """How well moving the input of a generator moves its images, as a PSNR in dB (Karras et al. 2021, appendix E).

    Translations are uniform in up to an eighth of the image along each axis, rotations in all angles; each image has
    its own.

    Values:
        ``eq_t``: translation by whole pixels; ``eq_t_frac``: by any part of them; ``eq_r``: rotation. There is no real
        baseline.

    Args:
        images: Generated images that are moved, at most; 50,000 in the paper.
    """

    values: ClassVar[tuple[str, ...]] = ("eq_t", "eq_t_frac", "eq_r")
    higher_is_better = True
    final_only: ClassVar[bool] = True
    errors: list[Tensor]

    def __init__(self, images: PositiveInt = 1000) -> None:
        super().__init__()
        self.images = images
        self.add_state("errors", [], dist_reduce_fx="cat")

    def prepare(self, data: ImageSource) -> None:
        """Look at the size of the images.

        Raises:
            ValueError: They are smaller than 16 pixels.
        """
        if (side := min(data.images.shape[2:])) < MIN_PIXELS:
            raise ValueError(f"equivariance needs images of {MIN_PIXELS} pixels, not {side}")

    def update_batch(self, batch: Batch | Generated | Translated) -> None:
        """Move generated images.

        Raises:
            ConfigError: There are images only, their latents are truncated, or the generator takes no transform.
        """
        if not isinstance(batch, Generated) or batch.moved is None:
            text = "needs a generator whose input can be moved, without truncation, such as model=stylegan3"
            raise ConfigError(f"metrics.measures.equivariance: {text}; leave it out")
        if (wanted := min(len(batch.images), self.images - sum(map(len, self.errors)))) > 0:
            side = batch.images.shape[-1]
            draws, made = batch.moved(lambda draws: transforms(draws, side), wanted)
            self.update(*(each.to(self.device) for each in (draws, *made)))

    def update(self, draws: Tensor, images: Tensor, moved: Tensor, moved_by_parts: Tensor, turned: Tensor) -> None:
        """Add images ``(B, C, H, W)`` in [-1, 1], as they are and with the three ``transforms`` of ``draws``."""
        side = images.shape[-1]
        whole, parts, angles = (each.tolist() for each in amounts(draws, side))
        for index, image in enumerate(images):
            (x, y), (part_x, part_y) = whole[index], parts[index]
            of_each = (
                translation_error(image, moved[index], (round(x * side), round(y * side))),
                fractional_translation_error(image, moved_by_parts[index], (part_x * side, part_y * side)),
                rotation_error(image, turned[index], angles[index]),
            )
            self.errors.append(torch.stack(of_each)[None])

    def compute(self) -> tuple[Tensor, ...]:
        """Return its values, float64 scalars, and set their margins.

        Raises:
            ValueError: There are no images.
        """
        if not len(self.errors):
            raise ValueError("equivariance has no generated images")
        errors = dim_zero_cat(self.errors)[: self.images]  # by rank: the first images, with any number of processes
        scores = [peak_signal_to_noise(each) for each in errors.unbind(1)]
        self.margins = {name: margin for name, (_, margin) in zip(self.values, scores, strict=True)}
        return tuple(torch.tensor(value, dtype=torch.float64) for value, _ in scores)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse generators whose input cannot be moved."""
        yield from super().check(key, options, config)
        network = config.component("model.generator")
        if network is not None and not getattr(network, "transforms", False):
            text = f"{network.__name__} takes no transform of its input"
            yield Problem(key, f"{text}; leave this measure out, or take model=stylegan3")


def amounts(draws: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return two translations ``(B, 2)`` as shares of the image and angles ``(B,)`` from ``(B, 5)`` in [-1, 1)."""
    whole, parts = draws[:, :2] * _FARTHEST, draws[:, 2:4] * _FARTHEST
    return (whole * side).round() / side, parts, draws[:, 4] * torch.pi


def transforms(draws: Tensor, side: int) -> list[Tensor]:
    """Return the transforms of the input for translations by pixels and by parts of them, and rotation: ``(B, 3, 3)``.

    They say where the content at each position comes from, so they are the inverse of what the images show.

    Args:
        draws: Uniform in [-1, 1), ``(B, 5)``.
        side: Height and width of the images.
    """
    whole, parts, angles = amounts(draws, side)
    still = torch.eye(3, dtype=draws.dtype, device=draws.device).repeat(3, len(draws), 1, 1)
    still[0, :, :2, 2], still[1, :, :2, 2] = -whole, -parts
    still[2, :, :2, :2] = rotation_matrix(-angles)
    return list(still)
