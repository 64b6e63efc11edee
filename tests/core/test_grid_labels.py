import pytest
import torch

from gan_experiments.core.grid_labels import (
    class_labels,
    columns_per_class,
    in_class_columns,
    label_columns,
    label_rows,
)

GRID = torch.full((3, 70, 104), 100, dtype=torch.uint8)
DEEP = torch.full((1, 70, 104), 25_700, dtype=torch.int32).to(torch.uint16)


def levels(images):
    return images.to(torch.int64)


@pytest.mark.parametrize(("grid", "white"), [(GRID, 255), (DEEP, 65535)])
def test_texts_stand_beside_rows_and_above_columns_of_an_unchanged_grid(grid, white):
    rows = label_rows(grid, ["a", "bird"])
    assert rows.dtype == grid.dtype
    assert torch.equal(levels(rows[:, :, :104]), levels(grid))
    for half in levels(rows[:, :, 104:]).chunk(2, dim=1):
        assert (half.min(), half.max()) == (0, white)
    columns = label_columns(grid, ["a", "b", "c"])
    above = columns.shape[1] - 70
    assert torch.equal(levels(columns[:, above:]), levels(grid))
    assert all((levels(columns[:, :above, start : start + 34]) > white // 2).any() for start in (1, 35, 69))
    assert above < 30


def test_one_text_that_is_too_wide_turns_all_upwards():
    flat, turned = (label_columns(GRID, ["a", name, "c"]).shape[1] - 70 for name in ("b", "automobile"))
    assert turned > 2 * flat


def test_columns_may_have_a_margin_beside_them():
    beside = label_rows(GRID, ["x", "y"], width=96)
    labelled = label_columns(beside, ["a", "b", "c"], width=104)
    assert labelled.shape[2] == 200
    assert not labelled[:, : labelled.shape[1] - 70, 104:].any()


def test_texts_grow_with_large_images():
    small, large = (label_columns(torch.zeros(3, size, 3 * size, dtype=torch.uint8), list("abc")) for size in (34, 400))
    assert large.shape[1] - 400 > 2 * (small.shape[1] - 34)


def test_classes_without_a_name_that_can_be_drawn_are_numbered():
    names = ["cat", "\u732b", "", "a" * 60, "a\nb"]
    labels = class_labels(range(6), names)
    assert (labels[0], labels[1], labels[2], labels[4], labels[5]) == ("cat", "1", "2", "a\\nb", "5")
    assert len(labels[3]) == 24


def test_each_class_has_a_column_if_there_are_few():
    assert [columns_per_class(64, classes) for classes in (0, 1, 10, 32, 33, 64)] == [0, 0, 1, 1, 0, 0]
    assert columns_per_class(9, 10) == 0


@pytest.mark.parametrize("count", [2, 3, 5, 9, 16, 50, 64, 100, 1000])
def test_a_grid_of_few_classes_is_about_square(count):
    for classes in range(2, min(count, 6) + 1):
        columns = classes * columns_per_class(count, classes)
        assert columns <= count
        assert columns < 2 * count**0.5 + 1 or columns == classes
        assert count / columns < 2 * count**0.5 + 1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.uint16])
def test_the_columns_of_a_class_stand_side_by_side(dtype):
    images = torch.arange(1, 15, dtype=torch.int32).to(dtype).view(14, 1, 1, 1)  # of classes 0, 1, 0, 1 ...
    black = -1 if dtype == torch.float32 else 0
    rows = in_class_columns(images, 2, 3).view(-1, 6).to(torch.int64).tolist()
    assert rows == [[1, 3, 5, 2, 4, 6], [7, 9, 11, 8, 10, 12], [13, black, black, 14, black, black]]
