import pytest
import torch

from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.schema import Config
from gan_experiments.core.randomness import Stream
from gan_experiments.data.synthetic.polygons import Polygons, Triangles, _area

DATA = Polygons(num_images=600)
TRIANGLES = DATA.known_distribution


def test_images_are_triangles():
    assert DATA.images.shape == (600, 1, 32, 32)
    assert DATA.images.dtype == torch.uint8
    corners = TRIANGLES.draw(600, Stream("polygons", "images"))
    covered = DATA.images.double().mean((1, 2, 3)) / 255
    assert torch.allclose(covered, _area(corners).double(), atol=0.01)  # what is white is the area
    assert _area(corners).min() >= 0.05


def test_the_order_of_the_vertices_does_not_matter():
    corners = TRIANGLES.draw(20, Stream(0))
    assert torch.allclose(TRIANGLES.render(corners), TRIANGLES.render(corners.flip(1)), atol=1e-5)


def test_a_pixel_is_white_inside_and_black_outside():
    image = TRIANGLES.render(torch.tensor([[[0.25, 0.25], [0.75, 0.25], [0.25, 0.75]]]))[0]
    assert image[10, 10] == 1  # x and y about 0.33
    assert image[28, 28] == image[2, 10] == image[10, 2] == 0
    assert image[9, 20] == 1  # right of it along x, above the long side
    assert image[22, 22] == 0


@pytest.fixture(scope="module")
def found():
    """Assign the images to cells; returns the cells, whether each counts, and the triangles and distances found."""
    nearest = []
    with pytest.MonkeyPatch.context() as patch:
        find = Triangles.nearest
        patch.setattr(Triangles, "nearest", lambda *given: nearest.append(find(*given)) or nearest[0])
        cells, counted = TRIANGLES.assign_modes(DATA.images)
    return cells, counted, *nearest[0]


@pytest.mark.slow
def test_triangles_have_no_distance_to_the_manifold(found):
    _, counted, corners, distances = found
    assert distances.median() < 0.02
    assert counted.float().mean() > 0.99
    redrawn = TRIANGLES.render(corners).unsqueeze(1)
    measured = (redrawn - DATA.images / 255).square().sum((1, 2, 3)).sqrt()
    assert torch.allclose(measured, distances, atol=1e-3)


def test_the_distance_of_noise_added_is_that_of_the_noise():
    """In 1,024 dimensions, nearly all of it is orthogonal to a manifold of 6."""
    plain = DATA.images[:100].float() / 255
    noise = 0.02 * torch.randn(100, 1, 32, 32, generator=torch.Generator().manual_seed(0)).abs()
    noisy = ((plain + torch.where(plain > 0.5, -noise, noise)) * 255).round().to(torch.uint8)
    added = (noisy / 255 - plain).flatten(1).norm(dim=1)
    assert torch.allclose(TRIANGLES.nearest(noisy)[1].median(), added.median(), rtol=0.05)


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(32, 32),
        torch.ones(32, 32),
        torch.randint(2, (32, 32), generator=torch.Generator().manual_seed(0)),
        torch.nn.functional.pad(torch.ones(16, 16), (8, 8, 8, 8)),
        torch.nn.functional.pad(torch.ones(3, 3), (10, 19, 10, 19)),
    ],
    ids=["black", "white", "noise", "square", "dot"],
)
def test_other_images_do_not_count_as_real(image):
    assert not TRIANGLES.assign_modes((image * 255).to(torch.uint8).view(1, 1, 32, 32))[1].any()


@pytest.mark.slow
def test_cells_are_equally_probable(found):
    corners = TRIANGLES.draw(1400, Stream("cells"))
    images = (TRIANGLES.render(corners) * 255).round().to(torch.uint8).unsqueeze(1)
    counts = torch.cat([found[0], Triangles(32).assign_modes(images)[0]]).bincount(minlength=32)
    assert len(counts) == TRIANGLES.num_cells == 32
    assert ((counts - 62.5) / 62.5**0.5).square().sum() < 70  # chi squared of 31 degrees of freedom


def test_assigning_modes_changes_no_image_and_needs_no_gradient():
    with torch.inference_mode():
        images = DATA.images[:4].clone()
        before = images.clone()
        TRIANGLES.assign_modes(images)
    assert torch.equal(images, before)


@pytest.mark.parametrize(("size", "refused"), [(1, True), (2, False)])
def test_an_image_has_more_than_a_pixel(size, refused):
    for dataset in ("polygons", "shapes_to_photos"):
        config = compose("train", [f"dataset={dataset}", f"dataset.image_size={size}"])
        assert any("dataset.image_size: " in str(line) for line in check_config(config, Config).errors) == refused
