"""Images of triangles: a manifold that is known, with a distance to it (Lucic et al. 2018, section 5)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts, PositiveInt
from gan_experiments.data.base import ImageData

NEAR = 0.75  # distance from the manifold, in [0, 1] per pixel, up to which an image may be real (Lucic et al. 2018)
_MARGIN = 0.1  # of the image's side that vertices keep from its edge
_SMALLEST = 0.05  # area of a triangle, over that of the image
_OCTANTS, _QUARTERS = 8, 4
_STEPS = 60  # of the fit
_PART = 100  # images that are fitted at once: what they need stays in the cache of a core
_RATE = 0.004  # of the fit, in sides of the image


class Triangles:
    """Filled triangles whose vertices are uniform in the image, apart from a margin, those too small left out.

    Cells are the octant that the centroid lies in, seen from the middle of the image, times the quarter that the
    area falls into: 32, equally probable because the distribution looks the same from each octant.

    Args:
        image_size: Pixels.
    """

    num_cells = _OCTANTS * _QUARTERS

    def __init__(self, image_size: int) -> None:
        self._size = image_size
        areas = _area(self.draw(20000, Stream("polygons", "areas")))
        self._quarters = areas.quantile(torch.tensor([0.25, 0.5, 0.75]))

    def draw(self, count: int, stream: Stream) -> Tensor:
        """Draw triangles: vertices ``(count, 3, 2)`` in [0, 1]."""
        found = torch.empty(0, 3, 2)
        while len(found) < count:
            corners = _MARGIN + (1 - 2 * _MARGIN) * stream.uniform(count, 3, 2)
            found = torch.cat([found, corners[_area(corners) >= _SMALLEST]])
        return found[:count]

    def render(self, corners: Tensor) -> Tensor:
        """Draw triangles ``(B, 3, 2)`` as images ``(B, H, W)`` in [0, 1], edges one pixel soft, differentiably."""
        centres = (torch.arange(self._size, device=corners.device) + 0.5) / self._size
        points = torch.cartesian_prod(centres, centres).flip(1)  # (P, 2): x, y
        ends = corners.roll(-1, 1)
        along = ends - corners
        normal = torch.stack([-along[..., 1], along[..., 0]], -1)
        normal = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-6) * _turn(corners).sign().view(-1, 1, 1)
        inside = torch.einsum("bkc,pc->bkp", normal, points) - (normal * corners).sum(-1, keepdim=True)
        covered: Tensor = (inside * self._size + 0.5).clamp(0, 1).amin(1)
        return covered.view(-1, self._size, self._size)

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return each image's cell, and whether it is near a triangle, for uint8 images ``(B, 1, H, W)``."""
        corners, distances = self.nearest(images)
        middle = corners.mean(1) - 0.5
        octant = ((torch.atan2(middle[:, 1], middle[:, 0]) / (2 * math.pi) % 1) * _OCTANTS).long() % _OCTANTS
        areas = _area(corners)
        allowed = (areas >= 0.9 * _SMALLEST) & ((corners - 0.5).abs() <= 0.5 - 0.8 * _MARGIN).all(2).all(1)
        quarter = torch.bucketize(areas, self._quarters.to(images.device))
        return octant * _QUARTERS + quarter, allowed & (distances <= NEAR)

    @torch.inference_mode(False)
    @torch.enable_grad()
    def nearest(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the triangle ``(B, 3, 2)`` nearest each image, and the Euclidean distance ``(B,)`` to it.

        Found by Adam on the vertices from a first guess; so the distance is at most a little too large.
        """
        parts = [self._fit(part.squeeze(1).float() / 255) for part in torch.split(images.clone(), _PART)]
        return torch.cat([corners for corners, _ in parts]), torch.cat([distances for _, distances in parts])

    def _fit(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        corners = _guess(wanted).requires_grad_()
        first, second = torch.zeros_like(corners), torch.zeros_like(corners)
        best, least = corners.detach().clone(), torch.full((len(wanted),), torch.inf, device=wanted.device)
        for step in range(1, _STEPS + 1):
            errors = (self.render(corners) - wanted).square().sum((1, 2))
            (slope,) = torch.autograd.grad(errors.sum(), corners)
            with torch.no_grad():
                better = errors < least
                best[better], least[better] = corners[better], errors[better]
                first.lerp_(slope, 0.2)
                second.lerp_(slope.square(), 0.05)
                rate = _RATE * (1 - step / (_STEPS + 1))
                corners -= rate * (first / (1 - 0.8**step)) / ((second / (1 - 0.95**step)).sqrt() + 1e-8)
        return best, least.sqrt()


class Polygons(ImageData):
    """Grey images of white triangles on black, drawn once, the same for every run; they carry no labels.

    Args:
        image_size: Pixels.
        num_images: How many.
    """

    has_known_distribution: ClassVar[bool] = True
    has_labels: ClassVar[bool] = False

    def __init__(self, image_size: PositiveInt = 32, num_images: PositiveInt = 50000) -> None:
        super().__init__()
        self.known_distribution: Triangles = Triangles(image_size)
        self._facts = DataFacts("polygons", image_size, 1, num_images=num_images)

    @property
    def facts(self) -> DataFacts:
        """Known without drawing."""
        return self._facts

    def load(self) -> tuple[Tensor, None]:
        """Draw the images: uint8 ``(N, 1, H, W)``."""
        corners = self.known_distribution.draw(self._facts.num_images or 0, Stream("polygons", "images"))
        parts = [
            (self.known_distribution.render(part) * 255).round().to(torch.uint8) for part in torch.split(corners, 1000)
        ]
        return torch.cat(parts).unsqueeze(1), None


def _turn(corners: Tensor) -> Tensor:
    """Return twice the signed area of triangles ``(B, 3, 2)``: ``(B,)``."""
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def _area(corners: Tensor) -> Tensor:
    return _turn(corners).abs() / 2


def _guess(wanted: Tensor) -> Tensor:
    """Guess the vertices of what is bright in images ``(B, H, W)``: the point farthest from the middle is one.

    The farthest from that is the second, and the farthest from the line through both the third.
    """
    size = wanted.shape[-1]
    centres = (torch.arange(size, device=wanted.device) + 0.5) / size
    points = torch.cartesian_prod(centres, centres).flip(1)
    bright = (wanted.flatten(1) >= 0.5).float()
    weight = bright / bright.sum(1, keepdim=True).clamp_min(1)

    def farthest(distances: Tensor) -> Tensor:
        return points[(distances * bright).argmax(1)]

    first = farthest(torch.cdist(weight @ points, points))
    second = farthest(torch.cdist(first, points))
    along = second - first
    normal = torch.stack([-along[:, 1], along[:, 0]], 1)
    third = farthest((normal @ points.T - (normal * first).sum(1, keepdim=True)).abs())
    return torch.stack([first, second, third], 1)
