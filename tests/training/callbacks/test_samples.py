import numpy as np
import pytest
import torch
from PIL import Image

from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.callbacks.samples import fixed_samples, grid_shape, translation_grid


def test_grids_at_the_start_at_every_multiple_and_at_the_end(fit):
    run = fit("budget.images=72", "metrics=none")
    assert sorted(path.name for path in run.samples.iterdir()) == [
        "0000000000.png", "0000000032.png", "0000000064.png", "0000000072.png",
    ]  # fmt: skip
    picture = Image.open(run.grid(72))
    assert picture.size == (2 * 34 + 2, 2 * 34 + 2)  # 2 x 2 images of 8 pixels, four times enlarged


@pytest.mark.parametrize(
    ("count", "classes", "shape"),
    [
        (64, 0, (64, 8)),
        (64, 10, (60, 10)),
        (10, 10, (10, 10)),
        (9, 10, (9, 3)),
        (64, 100, (64, 8)),
        (64, 1, (64, 8)),
        (64, 2, (64, 8)),
        (50, 2, (48, 8)),
        (64, 3, (63, 9)),
    ],
)
def test_columns_are_classes_if_they_fit(count, classes, shape):
    assert grid_shape(count, classes) == shape


def test_each_column_of_a_conditional_generator_shows_one_class(fit, monkeypatch):
    def by_class(system, latents, labels):
        return (labels / 5 - 1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)

    monkeypatch.setattr("gan_experiments.systems.base.System.sample", by_class)
    run = fit("conditioning=concatenation", "budget.images=16", "metrics=none", "callbacks.samples.count=25")
    labelled = np.asarray(Image.open(run.grid(16)))[:, :, 0]
    grid, above = labelled[-(2 * 34 + 2) :], labelled[: -(2 * 34 + 2)]
    assert grid.shape == (2 * 34 + 2, 10 * 34 + 2)
    assert all((above[:, 34 * label + 2 : 34 * label + 34] > 200).any() for label in range(10))
    for label in range(10):
        column = grid[2:34, 34 * label + 2 : 34 * label + 34]
        assert (column == column[0, 0]).all()
        assert (grid[36:68, 34 * label + 2 : 34 * label + 34] == column).all()
    assert len({grid[2, 34 * label + 2] for label in range(10)}) == 10


def test_few_classes_have_several_columns_side_by_side(fit, tmp_path, monkeypatch):
    def by_class(system, latents, labels):
        return (labels * 2.0 - 1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)

    monkeypatch.setattr("gan_experiments.systems.base.System.sample", by_class)
    for label, name in enumerate(["cats", "dogs"]):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for index in range(8):
            Image.new("L", (8, 8), 100 * label + index).save(tmp_path / "pictures" / name / f"{index}.png")
    two = ["dataset=image_folder", f"dataset.root={tmp_path / 'pictures'}", "dataset.image_size=8"]
    run = fit(*two, "conditioning=concatenation", "budget.images=16", "metrics=none", "callbacks.samples.count=16")
    grid = np.asarray(Image.open(run.grid(16)))[-(4 * 34 + 2) :, :, 0]
    assert grid.shape == (4 * 34 + 2, 4 * 34 + 2)
    assert [[int(value) for value in row[19::34]] for row in grid[19::34]] == 4 * [[0, 0, 255, 255]]


@pytest.mark.parametrize(("count", "shown"), [(64, 20), (11, 2), (3, 1), (1, 1)])
def test_a_grid_of_translations_has_no_hole(tiny, tmp_path, count, shown):
    parts = build(tiny("model=pix2pix", "task=denoise", "metrics=native"), RunFolder(tmp_path))
    parts.data.setup()
    grid = translation_grid(parts.system, parts.data.inputs, count)
    rows = -(-shown // 2)
    assert grid.shape == (3, 34 * rows + 2, 34 * 3 * min(shown, 2) + 2)
    answers = [
        grid[:, 34 * row + 2 : 34 * row + 34, 34 * column + 2 : 34 * column + 34]
        for row in range(rows)
        for column in range(2, 3 * min(shown, 2), 3)
    ]
    assert len(answers) == shown
    assert all(answer.any() for answer in answers)


def test_the_latents_stay_the_same(tiny, tmp_path):
    system = build(tiny(), RunFolder(tmp_path)).system
    first = fixed_samples(system, 5, 0)
    torch.rand(3)
    assert torch.equal(fixed_samples(system, 5, 0), first)
    assert not torch.equal(fixed_samples(system, 5, 1), first)
