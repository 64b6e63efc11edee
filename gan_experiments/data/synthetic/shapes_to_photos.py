"""Triangles and their renderings with light and texture: unpaired domains whose right translation is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from gan_experiments.core.types import DataFacts, Pixels, PositiveInt
from gan_experiments.data.synthetic.polygons import Polygons
from gan_experiments.data.synthetic.twin import Twins

_SHAPE, _GROUND = (225.0, 130.0, 60.0), (60.0, 85.0, 110.0)  # red, green and blue where the texture is brightest
_TEXTURE = 0.7  # brightness of the dark half of the texture
_LIGHT = 20.0  # grey levels of an edge, for each step of its slope; the light comes from the upper left
_EMBOSS = ((-1.0, -1.0, 0.0), (-1.0, 0.0, 1.0), (0.0, 1.0, 1.0))


class ShapesToPhotos(Twins):
    """White triangles on black as domain A, renderings of other triangles as domain B.

    A rendering has an orange triangle with diagonal stripes on blue checks, with edges lit from the upper left. Both
    textures have a period of four pixels, so a translator that halves the size twice can place them exactly.

    Args:
        image_size: Height and width in pixels.
        num_images: Number of triangles, in both domains together.
        **options: Options of every dataset, about domain B.
    """

    has_labels: ClassVar[bool] = False

    def __init__(self, image_size: Pixels = 32, num_images: PositiveInt = 10000, **options: Any) -> None:
        super().__init__(**options)
        self._single = Polygons(image_size, num_images)

    @property
    def facts(self) -> DataFacts:
        """The facts of the triangles, with three channels."""
        return replace(super().facts, name="shapes_to_photos")

    def twin(self, images: Tensor) -> Tensor:
        """Return the renderings of triangles: uint8, ``(B, 3, H, W)``."""
        covered = images[:, :1].float() / 255
        slopes = conv2d(pad(covered, (1, 1, 1, 1), "replicate"), torch.tensor([[_EMBOSS]]))
        y, x = torch.meshgrid(*(torch.arange(side) for side in images.shape[-2:]), indexing="ij")
        stripes, checks = (x + y) % 4 < 2, (x // 2 + y // 2) % 2 == 0
        parts = [
            torch.where(texture, 1.0, _TEXTURE) * torch.tensor(colour)[:, None, None]
            for texture, colour in ((stripes, _SHAPE), (checks, _GROUND))
        ]
        photos = covered * parts[0] + (1 - covered) * parts[1] + _LIGHT * slopes
        return photos.round().clamp(0, 255).to(torch.uint8)
