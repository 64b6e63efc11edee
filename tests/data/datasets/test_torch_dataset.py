import random

import numpy as np
import pytest
import torch
from batches import first_batches
from drawn import pixels, png, write_folder
from omegaconf import OmegaConf
from PIL import Image

from gan_experiments.config.compose import compose
from gan_experiments.config.files import conf_dir
from gan_experiments.core.checks import ConfigView
from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.torch_dataset import TorchDataset
from gan_experiments.training.build import construct

GREY = pixels(1)[:, :, 0]
EXPECTED = torch.stack([torch.from_numpy(pixels(number)).permute(2, 0, 1) for number in range(12)])


class Items(torch.utils.data.Dataset):
    """A dataset of the items given, or of twelve images in one form."""

    def __init__(self, items=None, form=lambda array: array, labelled=True, names=None):
        self.items, self.form, self.labelled, self.reads = items, form, labelled, []
        if names:
            self.classes = names

    def __len__(self):
        return 12 if self.items is None else len(self.items)

    def __getitem__(self, index):
        self.reads.append(index)
        if self.items is not None:
            return self.items[index]
        image = self.form(pixels(index))
        return (image, index % 3) if self.labelled else image


def as_tensor(array):
    return torch.from_numpy(array).permute(2, 0, 1)


def normalized(array):
    """Scale as ``ToTensor`` and ``Normalize(0.5, 0.5)`` do."""
    return (as_tensor(array) / 255 - 0.5) / 0.5


FORMS = {
    "array": (lambda array: array, None),
    "pil": (Image.fromarray, None),
    "uint8 tensor": (as_tensor, None),
    "float tensor": (lambda array: as_tensor(array) / 255, [0, 1]),
    "half tensor": (lambda array: as_tensor(array).double().div(255).half(), [0, 1]),
    "normalized": (normalized, [-1, 1]),
    "float array": (lambda array: array.astype(np.float64), [0.0, 255.0]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("labelled", [True, False])
def test_items_of_every_form_become_the_same_tensor(form, labelled):
    convert, value_range = FORMS[form]
    data = TorchDataset(Items(form=convert, labelled=labelled), value_range=value_range)
    assert torch.equal(data.images, EXPECTED)
    assert (data.labels is None) == (not labelled)
    assert data.labels is None or data.labels.tolist() == [0, 1, 2] * 4
    facts = data.facts
    assert (facts.name, facts.image_size, facts.channels, facts.num_images) == ("Items", 8, 3, 12)
    assert facts.num_classes == 3 * labelled
    assert data.class_names == ["0", "1", "2"][: facts.num_classes]


@pytest.mark.parametrize("image", [GREY, GREY[:, :, None], torch.from_numpy(GREY), torch.from_numpy(GREY)[None]])
def test_grey_images(image):
    data = TorchDataset(Items([image]))
    assert data.facts.channels == 1
    assert torch.equal(data.images, torch.from_numpy(GREY).view(1, 1, 8, 8))


def test_facts_are_read_from_the_first_item_where_the_classes_are_listed():
    items = Items(names=["cat", "dog", "owl"])
    data = TorchDataset(items)
    assert data.facts.num_classes == 3
    assert data.class_names == ["cat", "dog", "owl"]
    assert set(items.reads) == {0}
    unlabelled = Items(labelled=False, names=["cat", "dog", "owl"])
    assert TorchDataset(unlabelled).facts.num_classes == 0
    assert TorchDataset(unlabelled).class_names == []
    assert set(unlabelled.reads) == {0}


def test_items_are_read_once_for_all_batches():
    items = Items(names=["cat", "dog", "owl"])
    data = TorchDataset(items, limit=9, horizontal_flip=True, seed=3)
    first_batches(data, 3, batch_size=4)
    assert sorted(items.reads) == [0, *range(12)]  # the first for the facts, then all
    assert len(data.training) == 9


def test_items_of_different_sizes_are_resized():
    items = [Image.fromarray(pixels(0, size)) for size in (8, 9, 20)]
    assert TorchDataset(Items(items), image_size=8).images.shape == (3, 3, 8, 8)
    with pytest.raises(
        ConfigError, match=r"^dataset.dataset: item 1 has 9x9 pixels, item 0 has 8x8; dataset.image_size"
    ):
        TorchDataset(Items(items)).setup()


def test_oblong_items_are_cut_to_the_central_square():
    oblong = np.zeros((8, 12, 3), np.uint8)
    oblong[:, 2:10] = pixels(5)
    data = TorchDataset(Items([oblong]))
    assert torch.equal(data.images, EXPECTED[5:6])


def test_channels_are_converted_on_request_only():
    items = [Image.fromarray(pixels(0)), Image.fromarray(pixels(1)).convert("L")]
    with pytest.raises(ConfigError, match=r"^dataset.dataset: item 1 has 1 channels, item 0 has 3; dataset.channels"):
        TorchDataset(Items(items)).setup()
    assert TorchDataset(Items(items), channels=3).images.shape == (2, 3, 8, 8)
    assert TorchDataset(Items(items), channels=1).images.shape == (2, 1, 8, 8)


@pytest.mark.parametrize("form", [lambda array: array, as_tensor])
def test_arrays_of_four_channels_keep_them(form):
    four = np.concatenate([pixels(0), pixels(1)[:, :, :1]], 2)
    data = TorchDataset(Items([form(four)]))
    assert data.facts.channels == 4
    assert torch.equal(data.images[0], as_tensor(four))
    assert TorchDataset(Items([form(four)]), channels=3).images.shape == (1, 3, 8, 8)


IMAGE = pixels(0)
WRONG = {
    "dict": ([IMAGE, {"image": IMAGE}], r"item 1: expected an image or \(image, label\), got dict"),
    "empty tuple": ([()], r"item 0: expected an image or \(image, label\), got tuple"),
    "channels first": (
        [IMAGE, IMAGE.transpose(2, 0, 1)],
        r"item 1: an image cannot have the shape \(3, 8, 8\): tensors",
    ),
    "channels last": (
        [torch.from_numpy(IMAGE)],
        r"item 0: an image cannot have the shape \(8, 8, 3\): tensors are \(C, H",
    ),
    "vector": ([IMAGE, IMAGE[0, 0]], r"item 1: an image cannot have the shape \(3,\)"),
    "batch": ([IMAGE[None]], r"item 0: an image cannot have the shape \(1, 8, 8, 3\)"),
    "no pixels": ([IMAGE[:0]], r"item 0: an image cannot have the shape \(0, 8, 3\)"),
    "integers": ([IMAGE.astype(np.int64)], "item 0: an image cannot be int64: return uint8"),
    "float": (
        [IMAGE / 255],
        r"item 0: the image is float64 in \[0, 0.976\]; set dataset.value_range",
    ),
    "float mode": ([IMAGE[:, :, 0], Image.new("F", (8, 8))], "item 1: floating point pixels have no known range"),
    "vector label": ([(IMAGE, torch.ones(40))], "item 0: .* is not a class number; return the image alone"),
    "text label": ([(IMAGE, 0), (IMAGE, "cat")], "item 1: 'cat' is not a class number"),
    "negative label": ([(IMAGE, -1)], "item 0: -1 is not a class number"),
    "label missing": ([(IMAGE, 0), (IMAGE, None)], "item 1 has no label, item 0 has one"),
    "label added": ([IMAGE, (IMAGE, 0)], "item 1 has a label, item 0 has none"),
    "gap": ([(IMAGE, 0), (IMAGE, 10**12)], "no item has label 1; labels must number the classes from 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_item_is_refused_by_its_index(case):
    items, message = WRONG[case]
    with pytest.raises(ConfigError, match=f"^dataset.dataset: {message}") as error:
        TorchDataset(Items(items)).setup()
    assert len(error.value.problems) == 1


def test_labels_must_match_the_names_of_the_classes():
    with pytest.raises(ConfigError, match="item 2 has label 2, but classes lists 2 names"):
        TorchDataset(Items(names=["cat", "dog"])).setup()
    with pytest.raises(ConfigError, match="no item has label 3"):
        TorchDataset(Items(names=["cat", "dog", "owl", "yak"])).setup()


@pytest.mark.parametrize("value", [1.01, -0.01, float("nan"), float("inf")])
def test_values_outside_the_range_are_refused(value):
    image = torch.zeros(3, 8, 8)
    image[0, 3, 3] = value
    with pytest.raises(ConfigError, match=r"item 1: the image is float32 in .*, outside dataset.value_range=\[0, 1\]"):
        TorchDataset(Items([torch.zeros(3, 8, 8), image]), value_range=(0, 1)).setup()


def test_values_that_round_into_the_range_are_taken():
    image = torch.full((3, 8, 8), 1 + 1e-6)
    image[:, 0] = -1e-6
    images = TorchDataset(Items([image]), value_range=(0, 1)).images
    assert images.unique().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("value_range", "refused"), [([1, 0], True), ([0.5, 0.5], True), ([-1.0, 1], False), (None, False)]
)
def test_an_empty_range_is_refused(value_range, refused):
    problems = list(TorchDataset.check("dataset", {"value_range": value_range}, ConfigView({}, {})))
    assert [problem.key for problem in problems] == ["dataset.value_range"] * refused
    if refused:
        with pytest.raises(ConfigError, match=r"outside dataset.value_range"):
            TorchDataset(Items([torch.zeros(3, 8, 8)]), value_range=tuple(value_range)).setup()


def test_labels_may_be_any_integer_type():
    items = [(IMAGE, 0), (IMAGE, np.int32(1)), (IMAGE, torch.tensor(2)), (IMAGE, True), [IMAGE, np.array(0), "more"]]
    assert TorchDataset(Items(items)).labels.tolist() == [0, 1, 2, 1, 0]


@pytest.mark.parametrize(("dataset", "message"), [([], "list is empty"), (iter([IMAGE]), "is not map-style")])
def test_datasets_without_items_or_length_are_refused(dataset, message):
    with pytest.raises(ConfigError, match=f"^dataset.dataset: .*{message}"):
        TorchDataset(dataset)


def test_random_transforms_draw_the_same_in_every_run_and_disturb_no_other_draws():
    def noisy(array):
        return torch.randint(256, (3, 8, 8), dtype=torch.uint8)

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    data = TorchDataset(Items(form=noisy))
    data.setup()
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(random.randrange(10**6))
    assert TorchDataset(Items(form=noisy)).fingerprint == data.fingerprint


def test_it_is_built_from_a_nested_config():
    node = {
        "_target_": "gan_experiments.data.datasets.torch_dataset.TorchDataset",
        "dataset": {
            "_target_": "torchvision.datasets.FakeData",
            "size": 20,
            "image_size": [3, 12, 10],
            "num_classes": 2,
        },
        "image_size": 8,
        "limit": 10,
    }
    data = construct(node, seed=7)
    assert data.images.shape == (20, 3, 8, 8)
    assert data.facts.num_classes == 2
    assert not torch.equal(data.training, construct(node, seed=8).training)
    assert data.provenance()["resize"] == "lanczos"


def test_the_example_of_the_docs_works(tmp_path, monkeypatch):
    text = (conf_dir().parent / "docs" / "data.md").read_text()
    section = text.partition("## Your own torch Dataset")[2].partition("\n## ")[0]
    for language, path in (("python", "my_package.py"), ("yaml", "my_conf/dataset/faces.yaml")):
        code = section.partition(f"```{language}\n")[2].partition("```")[0]
        assert code.startswith(f"# {path}\n")
        write_folder(tmp_path, {path: code.encode()})
    write_folder(
        tmp_path / "photos", {f"{name}/{n}.png": png(n, 9) for name in ("neutral", "smiling") for n in range(4)}
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    config = OmegaConf.to_container(compose("data", ["dataset=faces"], tmp_path / "my_conf"), resolve=True)
    data = construct(config["dataset"], seed=0)
    assert data.images.shape == (8, 3, 64, 64)
    assert data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.class_names == ["neutral", "smiling"]
