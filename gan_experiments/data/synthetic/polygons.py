"""Triangles dataset: images on a known manifold, with the distance to it (Lucic et al. 2018, section 5)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts, Pixels, PositiveInt
from gan_experiments.data.base import ImageData

NEAR = 0.75  # largest distance from the manifold, for pixels in [0, 1], of an image that counts as real (Lucic et al.)
_MARGIN = 0.1  # distance of vertices from the edge of the image, whose side is 1
_SMALLEST = 0.05  # area of a triangle divided by that of the image
_OCTANTS, _QUARTERS = 8, 4
_STEPS = 60  # of the fit
_CHUNK = 100  # images that are fitted together, which fit into the cache of a core
_RATE = 0.004  # learning rate of the fit; the side of the image is 1


class Triangles:
    """Distribution of filled triangles with uniform vertices inside a margin; small triangles are rejected.

    A cell is the octant of the centroid around the centre of the image, combined with the quartile of the area. All 32
    are equally probable, because the distribution is symmetric in the octants.
    """

    num_cells = _OCTANTS * _QUARTERS
    weights: Tensor | None = None

    def __init__(self, image_size: int) -> None:
        self._size = image_size
        areas = _area(self.draw(20000, Stream("polygons", "areas")))
        self._quarters = areas.quantile(torch.tensor([0.25, 0.5, 0.75]))

    def draw(self, count: int, stream: Stream) -> Tensor:
        """Draw triangles: vertices ``(count, 3, 2)`` in [0, 1]."""
        accepted = torch.empty(0, 3, 2)
        while len(accepted) < count:
            corners = _MARGIN + (1 - 2 * _MARGIN) * stream.uniform(count, 3, 2)
            accepted = torch.cat([accepted, corners[_area(corners) >= _SMALLEST]])
        return accepted[:count]

    def render(self, corners: Tensor) -> Tensor:
        """Render triangles ``(B, 3, 2)`` as images ``(B, H, W)`` in [0, 1], antialiased; differentiable."""
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
        """Return the cell of each image, uint8 ``(B, 1, H, W)``, and whether it is near enough to a triangle."""
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
        """Return the triangle ``(B, 3, 2)`` nearest to each image, and the Euclidean distance ``(B,)`` to it.

        The vertices are fitted by Adam from an initial guess, so the distance is an upper bound, which is nearly tight.
        """
        parts = [self._fit(part.squeeze(1).float() / 255) for part in torch.split(images.clone(), _CHUNK)]
        return torch.cat([corners for corners, _ in parts]), torch.cat([distances for _, distances in parts])

    def _fit(self, target: Tensor) -> tuple[Tensor, Tensor]:
        corners = _guess(target).requires_grad_()
        first, second = torch.zeros_like(corners), torch.zeros_like(corners)
        best, least = corners.detach().clone(), torch.full((len(target),), torch.inf, device=target.device)
        for step in range(1, _STEPS + 1):
            errors = (self.render(corners) - target).square().sum((1, 2))
            (slope,) = torch.autograd.grad(errors.sum(), corners)
            with torch.no_grad():
                better = errors < least
                best[better], least[better] = corners[better], errors[better]
                # By hand: torch.optim.Adam divides in another order, which moves distances by a few millionths.
                first.lerp_(slope, 0.2)
                second.lerp_(slope.square(), 0.05)
                rate = _RATE * (1 - step / (_STEPS + 1))
                corners -= rate * (first / (1 - 0.8**step)) / ((second / (1 - 0.95**step)).sqrt() + 1e-8)
        return best, least.sqrt()


class Polygons(ImageData):
    """Grey images of white triangles on black, without labels; a sample that is the same for every run.

    Args:
        image_size: Height and width in pixels.
        num_images: Number of images in the sample.
    """

    has_known_distribution: ClassVar[bool] = True
    has_labels: ClassVar[bool] = False

    def __init__(self, image_size: Pixels = 32, num_images: PositiveInt = 50000) -> None:
        super().__init__()
        self.known_distribution: Triangles = Triangles(image_size)
        self._count = num_images
        self.known = DataFacts("polygons", image_size, 1, num_images=num_images)

    def load(self) -> tuple[Tensor, None]:
        """Draw the images: uint8 ``(N, 1, H, W)``."""
        corners = self.known_distribution.draw(self._count, Stream("polygons", "images"))
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


def _guess(target: Tensor) -> Tensor:
    """Guess the vertices of the bright area of images ``(B, H, W)``.

    The first is the bright pixel farthest from the mean of all, the second the one farthest from the first, the third
    the one farthest from the line through both.
    """
    size = target.shape[-1]
    centres = (torch.arange(size, device=target.device) + 0.5) / size
    points = torch.cartesian_prod(centres, centres).flip(1)
    bright = (target.flatten(1) >= 0.5).float()
    weight = bright / bright.sum(1, keepdim=True).clamp_min(1)

    def farthest(distances: Tensor) -> Tensor:
        return points[(distances * bright).argmax(1)]

    first = farthest(torch.cdist(weight @ points, points))
    second = farthest(torch.cdist(first, points))
    along = second - first
    normal = torch.stack([-along[:, 1], along[:, 0]], 1)
    third = farthest((normal @ points.T - (normal * first).sum(1, keepdim=True)).abs())
    return torch.stack([first, second, third], 1)
