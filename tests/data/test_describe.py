import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gan_experiments.core.types import DataFacts
from gan_experiments.data.base import ImageData
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.describe import channel_statistics, describe, duplicates, sheet
from gan_experiments.data.synthetic.points import Ring

IMAGES = torch.randint(256, (9000, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class ManyClasses(ImageData):
    known = DataFacts("many", image_size=2, channels=3, num_classes=40, num_images=9000)

    def load(self):
        return IMAGES, torch.arange(9000) % 40


def test_channel_statistics_are_mean_and_standard_deviation():
    for channel, (mean, std) in enumerate(channel_statistics(IMAGES)):
        assert mean == pytest.approx(float(IMAGES[:, channel].double().mean()))
        assert std == pytest.approx(float(IMAGES[:, channel].double().std(correction=0)))


def test_channel_statistics_of_large_images_take_little_memory():
    class Largest(TorchDispatchMode):
        values = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor) and made.is_floating_point():
                self.values = max(self.values, made.numel())
            return made

    images = IMAGES[:1].repeat(1, 1, 128, 128).expand(400, -1, -1, -1)
    with Largest() as largest:
        found = channel_statistics(images)
    assert largest.values <= 2**22 < images.numel()
    assert torch.allclose(torch.tensor(found), torch.tensor(channel_statistics(images[:1])))


def test_copies_and_originals_are_counted():
    assert duplicates(IMAGES) == (0, 0)
    assert duplicates(torch.cat([IMAGES[:5], IMAGES[:2], IMAGES[:1]])) == (3, 2)


def test_a_sheet_has_a_column_for_each_class():
    data = Digits(limit=500)
    images, columns, names = sheet(data, 40, seed=0)
    assert (len(images), columns, names) == (40, 10, list("0123456789"))
    classes = {image.numpy().tobytes(): int(label) for image, label in zip(data.images, data.labels, strict=True)}
    assert [classes[image.numpy().tobytes()] for image in images] == list(range(10)) * 4
    trained = {image.numpy().tobytes() for image in data.images[data.training]}
    assert {image.numpy().tobytes() for image in images} <= trained
    assert torch.equal(sheet(data, 40, seed=0)[0], images)
    assert not torch.equal(sheet(data, 40, seed=1)[0], images)


def test_a_sheet_of_many_classes_is_a_square():
    images, columns, names = sheet(ManyClasses(), 64, seed=0)
    assert (len(images), columns, names) == (64, 8, [])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_a_sheet_of_few_classes_is_about_square_and_black_where_one_has_no_more(dtype):
    class Unequal(ImageData):
        known = DataFacts(
            "unequal", image_size=2, channels=1, num_classes=3, num_images=45, bits=8 if dtype == torch.uint8 else 16
        )

        def load(self):
            labels = torch.tensor([0] * 40 + [2] * 5)  # none of the second class
            return (labels + 1).to(torch.int32).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).to(dtype), labels

        @property
        def class_names(self):
            return ["cat", "cow", "dog"]

    data = Unequal()
    data.setup()
    images, columns, names = sheet(data, 32, seed=0)
    assert (columns, names) == (6, ["cat", "dog"])
    shown = images[:, 0, 0, 0].to(torch.int64).view(-1, columns).tolist()
    assert shown == [[1, 1, 1, 3, 3, 3], [1, 1, 1, 3, 3, 0], *[[1, 1, 1, 0, 0, 0]] * 3]


def test_a_sheet_of_points_has_no_others():
    data = Ring(num_points=100)
    data.setup()
    images, _, names = sheet(data, 16, seed=0)
    assert names == []
    assert {tuple(point) for point in images.flatten(1).tolist()} <= {
        tuple(each) for each in data.images.flatten(1).tolist()
    }


def test_long_lists_are_shortened():
    (line,) = [line for line in describe(ManyClasses()) if "and 20 more" in line]
    assert line.strip().startswith("0 225, 1 225, ")


def test_points_are_called_points():
    assert describe(Ring(num_points=100))[0] == "ring: 100 points in the plane, 2 channels"
