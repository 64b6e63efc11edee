import torch
from stubs import CELL, Echo, cells

from gan_experiments.core.images import to_uint8
from gan_experiments.sampling.base import draw_latents
from gan_experiments.sampling.grid import Grid


def test_samples_fill_a_square():
    generator = Echo()
    sheet = Grid(count=7)(generator, None, 1)
    assert sheet.shape == (3, 3 * CELL + 2, 3 * CELL + 2)
    samples = to_uint8(Echo()(draw_latents(generator, 7, 1)))[:, 0]
    assert torch.equal(cells(sheet, 3).flatten(0, 1)[:7], samples)


def test_classes_take_turns():
    generator = Echo(num_classes=3)
    Grid(count=4)(generator, None, 0)
    assert generator.asked[0][1].tolist() == [0, 1, 2, 0]


def test_few_classes_have_several_columns_side_by_side():
    class Numbered(Echo):
        def forward(self, latents, labels=None):
            return (torch.arange(len(latents)) / 20).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)

    sheet = Grid(count=14)(Numbered(num_classes=2), None, 0)
    shown = cells(sheet[:, -(4 * CELL + 2) :], 4)[:, :, 0, 0].long() - 128
    turns = [[0, 2, 1, 3], [4, 6, 5, 7], [8, 10, 9, 11], [12, -20, 13, -20]]  # black in the last row
    assert torch.allclose(shown, torch.tensor(turns) * 255 // 40, atol=1)


def test_points_are_dots_of_one_image():
    class Points(Echo):
        def forward(self, latents, labels=None):
            return torch.tanh(latents[:, :2]).view(-1, 2, 1, 1)

    assert Grid(count=9)(Points(image_size=1), None, 0).shape == (3, 256, 256)
