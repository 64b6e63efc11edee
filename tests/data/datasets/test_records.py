"""Images in HDF5, Arrow, Parquet and LMDB files become the tensors that image files become."""

import json

import numpy as np
import pytest
import torch
from drawn import pixels, png

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets import records
from gan_experiments.data.datasets.hdf5 import HDF5
from gan_experiments.data.datasets.huggingface import HuggingFace
from gan_experiments.data.datasets.lmdb_images import LMDB

COUNT = 12
EXPECTED = torch.stack([torch.from_numpy(pixels(number)).permute(2, 0, 1) for number in range(COUNT)])
LABELS = [number % 3 for number in range(COUNT)]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))


def hdf5(tmp_path, first=True):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "images.hdf5", "w") as file:
        file["imgs"] = (EXPECTED if first else EXPECTED.permute(0, 2, 3, 1)).numpy()
        file["labels"] = np.array(LABELS)
    return HDF5(str(tmp_path / "images.hdf5"))


def table(features=True):
    pyarrow = pytest.importorskip("pyarrow")
    images = [{"bytes": png(number), "path": None} for number in range(COUNT)]
    made = pyarrow.table({"name": list(map(str, range(COUNT))), "picture": images, "kind": LABELS})
    if not features:
        return made
    about = {
        "picture": {"_type": "Image"},
        "kind": {"_type": "ClassLabel", "names": ["x", "y", "z"]},
        "name": {"_type": "Value", "dtype": "string"},
    }
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": about}})})


def write_arrow(path, made):
    import pyarrow

    path.parent.mkdir(parents=True, exist_ok=True)
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, made.schema) as stream:
        stream.write_table(made)


def saved_to_disk(tmp_path):
    """The layout of ``DatasetDict.save_to_disk``: a folder for each split, whose order ``state.json`` lists."""
    made = table()
    folder = tmp_path / "saved" / "train"
    names = ["data-00001-of-00002.arrow", "data-00000-of-00002.arrow"]
    for name, part in zip(names, (made.slice(0, 5), made.slice(5)), strict=True):
        write_arrow(folder / name, part)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    (folder / "loading_script.py").write_text("raise SystemExit('was run')")
    return HuggingFace(str(tmp_path / "saved"))


def parquet(tmp_path):
    from pyarrow.parquet import write_table

    made = table()
    (tmp_path / "hub" / "data").mkdir(parents=True)
    write_table(made.slice(0, 7), tmp_path / "hub/data/train-00000-of-00002.parquet", row_group_size=3)
    write_table(made.slice(7), tmp_path / "hub/data/train-00001-of-00002.parquet")
    write_table(made.slice(0, 1), tmp_path / "hub/data/test-00000-of-00001.parquet")
    return HuggingFace(str(tmp_path / "hub"))


def lmdb_folder(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(tmp_path / "church_lmdb"), map_size=2**20) as environment, environment.begin(write=True) as put:
        for number in range(COUNT):
            put.put(f"{number:08x}".encode(), png(number))
    return LMDB(str(tmp_path / "church_lmdb"))


KINDS = {
    "hdf5": hdf5,
    "hdf5 channels last": lambda tmp_path: hdf5(tmp_path, first=False),
    "saved to disk": saved_to_disk,
    "parquet": parquet,
    "lmdb": lmdb_folder,
}


@pytest.mark.parametrize("kind", KINDS)
def test_they_become_tensors(tmp_path, kind):
    data = KINDS[kind](tmp_path)
    assert (data.facts.image_size, data.facts.channels) == (8, 3)
    data.prepare_data()
    data.setup()
    assert torch.equal(data.images, EXPECTED)
    if kind == "lmdb":
        assert data.labels is None
    else:
        assert data.labels.tolist() == LABELS
        assert data.class_names == (["0", "1", "2"] if "hdf5" in kind else ["x", "y", "z"])


def test_a_split_and_columns_are_chosen(tmp_path):
    parquet(tmp_path)
    test = HuggingFace(str(tmp_path / "hub"), split="test")
    test.setup()
    assert len(test.images) == 1
    with pytest.raises(ConfigError, match="'kinds'; the columns are name, picture, kind"):
        _ = HuggingFace(str(tmp_path / "hub"), label="kinds").facts
    with pytest.raises(ConfigError, match=r"^dataset\.image: no column 'photo'; the columns are name, picture, kind"):
        _ = HuggingFace(str(tmp_path / "hub"), image="photo").facts
    with pytest.raises(ConfigError, match="not the number of a class"):
        _ = HuggingFace(str(tmp_path / "hub"), label="name").facts


def test_files_of_others_need_no_features(tmp_path):
    write_arrow(tmp_path / "plain.arrow", table(features=False))
    data = HuggingFace(str(tmp_path / "plain.arrow"), label="kind")
    data.setup()
    assert torch.equal(data.images, EXPECTED)
    assert data.labels.tolist() == LABELS
    assert HuggingFace(str(tmp_path / "plain.arrow")).facts.num_classes == 0


def test_a_file_without_images_is_refused(tmp_path):
    write_arrow(tmp_path / "texts.arrow", table(features=False).drop_columns(["picture"]))
    with pytest.raises(ConfigError, match=r"^dataset\.image: no column holds images; the columns are name, kind"):
        _ = HuggingFace(str(tmp_path / "texts.arrow")).facts


def test_a_path_in_the_place_of_an_image_is_not_followed(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    (tmp_path / "image.png").write_bytes(png())
    stored = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    paths = pyarrow.array([{"bytes": None, "path": str(tmp_path / "image.png")}], stored)
    write_arrow(tmp_path / "paths.arrow", pyarrow.table({"image": paths}))
    with pytest.raises(ConfigError, match="a path in the place"):
        HuggingFace(str(tmp_path / "paths.arrow"), image_size=8).setup()


def test_missing_and_damaged_files_are_refused_in_a_line(tmp_path):
    for made in (HDF5(str(tmp_path / "x.hdf5")), LMDB(str(tmp_path / "x")), HuggingFace(str(tmp_path / "x"))):
        with pytest.raises(ConfigError, match=r"^dataset\.path: "):
            _ = made.facts
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="cannot be read"):
        _ = HuggingFace(str(tmp_path / "x.parquet")).facts
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["photos"] = np.zeros((2, 8, 8), np.uint8)
    with pytest.raises(ConfigError, match=r"has no 'imgs' \(it has photos\)"):
        _ = HDF5(str(tmp_path / "other.hdf5")).facts


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    (tmp_path / "x.hdf5").write_bytes(b"")
    monkeypatch.setattr(records, "import_module", absent)
    with pytest.raises(ConfigError, match=r"needs h5py: pip install 'gan-experiments\[hdf5\]'"):
        _ = HDF5(str(tmp_path / "x.hdf5")).facts


def test_each_array_of_a_file_has_pixels_of_its_own(tmp_path):
    h5py, pyarrow = pytest.importorskip("h5py"), pytest.importorskip("pyarrow")
    with h5py.File(tmp_path / "two.hdf5", "w") as file:
        file["a"], file["b"] = EXPECTED.numpy(), EXPECTED.flip(0).numpy()
    images = [{"bytes": png(number), "path": None} for number in range(COUNT)]
    write_arrow(tmp_path / "two.arrow", pyarrow.table({"a": images, "b": images[::-1]}))
    for made, option in ((HDF5, "images"), (HuggingFace, "image")):
        path = str(tmp_path / ("two.hdf5" if made is HDF5 else "two.arrow"))
        first, second = (made(path, **{option: name}) for name in "ab")
        first.setup()
        second.setup()
        assert torch.equal(first.images, EXPECTED)
        assert torch.equal(second.images, EXPECTED.flip(0))


def outside(file, name, kind, secret):
    """Put an array into an HDF5 file whose content is in another file."""
    import h5py

    if kind == "external":
        file.create_dataset(name, (1, 8, 8), np.uint8, external=[(str(secret), 0, 64)])
    elif kind == "virtual":
        layout = h5py.VirtualLayout((1, 8, 8), np.uint8)
        layout[0] = h5py.VirtualSource(str(secret), "imgs", (8, 8), np.uint8)
        file.create_virtual_dataset(name, layout)
    elif kind == "soft":
        file[f"{name}_"] = h5py.ExternalLink(str(secret), "/")
        file[name] = h5py.SoftLink(f"/{name}_/imgs")
    else:
        file[name] = h5py.ExternalLink(str(secret), "/imgs")


@pytest.mark.parametrize("name", ["imgs", "labels"])
@pytest.mark.parametrize("kind", ["external", "virtual", "link", "soft"])
def test_an_hdf5_file_reads_no_other_file(tmp_path, name, kind):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file["imgs"] = np.zeros((8, 8), np.uint8)
    with h5py.File(tmp_path / "images.hdf5", "w") as file:
        if name == "labels":
            file["imgs"] = np.zeros((1, 8, 8), np.uint8)
        outside(file, name, kind, tmp_path / "secret.hdf5")
    with pytest.raises(ConfigError, match=f"dataset.{'images' if name == 'imgs' else name}: .* other files"):
        HDF5(str(tmp_path / "images.hdf5"), channels=1).setup()


def test_a_link_in_the_path_of_an_array_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "images.hdf5", "w") as file:
        file["own/imgs"] = EXPECTED.numpy()
        file["far"] = h5py.ExternalLink("secret.hdf5", "/")
    data = HDF5(str(tmp_path / "images.hdf5"), images="own/imgs")
    data.setup()
    assert torch.equal(data.images, EXPECTED)
    with pytest.raises(ConfigError, match="'far/imgs' is a link"):
        _ = HDF5(str(tmp_path / "images.hdf5"), images="far/imgs").facts


@pytest.mark.parametrize(
    "labels",
    [np.eye(COUNT), np.eye(COUNT, dtype=int), np.arange(COUNT) / 2, np.array([b"cat"] * COUNT), np.int64(3), None],
    ids=["float one-hot", "one-hot", "float", "text", "scalar", "group"],
)
def test_labels_of_hdf5_are_one_integer_an_image(tmp_path, labels):
    hdf5(tmp_path)
    import h5py

    with h5py.File(tmp_path / "images.hdf5", "a") as file:
        del file["labels"]
        file["column"] = np.array(LABELS)[:, None]
        if labels is None:
            file.create_group("labels")
        else:
            file["labels"] = labels
    with pytest.raises(ConfigError, match=r"^dataset.labels: 'labels' is "):
        _ = HDF5(str(tmp_path / "images.hdf5")).facts
    assert list(HDF5(str(tmp_path / "images.hdf5"), labels="column").listing.labels) == LABELS
    with pytest.raises(ConfigError, match=r"^dataset.labels: .* has no 'kinds'"):
        _ = HDF5(str(tmp_path / "images.hdf5"), labels="kinds").facts


@pytest.mark.parametrize(
    ("labels", "said"), [([0, 1, -1] * 4, "-1 is none of 0 to 1"), ([-1] * COUNT, "-1 is negative")]
)
def test_wrong_labels_of_hdf5_are_named_by_their_option(tmp_path, labels, said):
    hdf5(tmp_path)
    import h5py

    with h5py.File(tmp_path / "images.hdf5", "a") as file:
        file["labels"][:] = labels
    with pytest.raises(ConfigError) as error:
        _ = HDF5(str(tmp_path / "images.hdf5")).facts
    assert error.value.problems == [f"dataset.labels: the label {said}; dataset.labels=false goes without labels"]
    assert HDF5(str(tmp_path / "images.hdf5"), labels=False).facts.num_classes == 0


def test_a_label_beyond_the_named_classes_is_named_by_its_option(tmp_path):
    made = table()
    kinds = made.schema.get_field_index("kind")
    write_arrow(tmp_path / "x.arrow", made.set_column(kinds, "kind", [[*LABELS[1:], 3]]))
    with pytest.raises(ConfigError, match=r"^dataset.label: the label 3 is none of 0 to 2; dataset.label=false goes"):
        _ = HuggingFace(str(tmp_path / "x.arrow")).facts


def test_an_lmdb_whose_end_is_missing_is_refused(tmp_path):
    lmdb_folder(tmp_path)
    data = tmp_path / "church_lmdb" / "data.mdb"
    data.write_bytes(data.read_bytes()[:-4096])
    with pytest.raises(ConfigError, match="its end is missing"):
        _ = LMDB(str(data.parent)).facts


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("data/train.arrow", "data/test.arrow"),
        ("default/train/0000.arrow", "default/test/0000.arrow"),
        ("cifar-train-00000-of-00001.arrow", "cifar-test-00000-of-00001.arrow"),
        ("train_a.arrow", "test_a.arrow"),
    ],
)
def test_splits_are_not_mixed(tmp_path, train, test):
    write_arrow(tmp_path / train, table().slice(0, 5))
    write_arrow(tmp_path / test, table().slice(5))
    sizes = [len(HuggingFace(str(tmp_path), split=split).listing.names) for split in ("train", "test")]
    assert sizes == [5, COUNT - 5]
    with pytest.raises(ConfigError, match=r"dataset\.split: no file .* is of 'val'; it is one of test, train"):
        _ = HuggingFace(str(tmp_path), split="val").facts


def test_files_without_a_split_are_all_read(tmp_path):
    write_arrow(tmp_path / "a.arrow", table().slice(0, 5))
    write_arrow(tmp_path / "b.arrow", table().slice(5))
    assert len(HuggingFace(str(tmp_path)).listing.names) == COUNT


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("lacking", "options", "problems"),
    [
        ({"b": ["kind"]}, {}, ["dataset.label: there is no column 'kind' in b"]),
        ({"b": ["kind"], "a": ["kind"]}, {"label": "kind"}, ["dataset.label: no column 'kind'; the columns are"]),
        ({"b": ["kind", "picture"]}, {}, ["dataset.image: there is no column 'picture' in b", "dataset.label: there"]),
        ({"b": ["name"], "c": ["kind"]}, {}, ["dataset.label: there is no column 'kind' in c"]),
    ],
    ids=str,
)
def test_files_with_other_columns_are_refused(tmp_path, suffix, lacking, options, problems):
    from pyarrow.parquet import write_table

    write = write_table if suffix == "parquet" else lambda made, path: write_arrow(path, made)
    for name in "abc":
        write(table().drop_columns(lacking.get(name, [])), tmp_path / f"{name}.{suffix}")
    with pytest.raises(ConfigError) as caught:
        _ = HuggingFace(str(tmp_path), **options).facts
    expected = [problem + f".{suffix}" * problem.endswith((" b", " c")) for problem in problems]
    assert [text[: len(start)] for text, start in zip(caught.value.problems, expected, strict=False)] == expected


def test_labels_that_only_some_files_have_are_no_labels_of_the_others(tmp_path):
    made = table(features=False).rename_columns(["name", "picture", "label"])
    write_arrow(tmp_path / "a.arrow", made.drop_columns(["label"]))
    write_arrow(tmp_path / "b.arrow", made)
    without = r"^dataset\.label: there is no column 'label' in a\.arrow; dataset\.label=false goes without labels"
    with pytest.raises(ConfigError, match=without):
        _ = HuggingFace(str(tmp_path)).facts
    data = HuggingFace(str(tmp_path), label=False)
    assert (data.facts.num_classes, len(data.listing.names)) == (0, 2 * COUNT)
    write_arrow(tmp_path / "a.arrow", made)  # all have it, and it is left all the same
    assert HuggingFace(str(tmp_path)).facts.num_classes > 0
    assert HuggingFace(str(tmp_path), label=False).facts.num_classes == 0


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"_data_files": [{}]}', '{"_data_files": 3}'])
def test_a_damaged_state_is_refused(tmp_path, text):
    saved_to_disk(tmp_path)
    (tmp_path / "saved/train/state.json").write_text(text)
    with pytest.raises(ConfigError, match=r"state\.json is damaged"):
        _ = HuggingFace(str(tmp_path / "saved")).facts


@pytest.mark.parametrize("text", ["{", "[]", '{"info": 3}'])
def test_damaged_metadata_are_refused(tmp_path, text):
    write_arrow(tmp_path / "x.arrow", table().replace_schema_metadata({"huggingface": text}))
    with pytest.raises(ConfigError, match=r"the metadata in .* are damaged"):
        _ = HuggingFace(str(tmp_path / "x.arrow")).facts


@pytest.mark.parametrize("wrong", [None, -1, "cat"])
def test_a_guessed_column_of_labels_may_be_none(tmp_path, wrong):
    made = table(features=False).rename_columns(["name", "picture", "number"])
    first = ["1" if wrong == "cat" else 1] * (COUNT - 1)
    write_arrow(tmp_path / "x.arrow", made.append_column("label", [[*first, wrong]]))
    assert HuggingFace(str(tmp_path / "x.arrow")).facts.num_classes == 0
    with pytest.raises(ConfigError, match=r"^dataset.label: 'label' holds .*, not the number of a class"):
        _ = HuggingFace(str(tmp_path / "x.arrow"), label="label").facts
