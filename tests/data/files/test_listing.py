import os
import zipfile

import pytest
from drawn import png, write_archive, write_folder

from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.listing import Archive, Folder, list_images

PNG = png()


@pytest.fixture(params=["folder", "archive"])
def source(request, tmp_path):
    """Make a source of either kind from files by name."""

    def make(*names, **contents):
        files = dict.fromkeys(names, PNG) | contents
        if request.param == "folder":
            return Folder(write_folder(tmp_path / "images", files))
        return Archive(write_archive(tmp_path / "images.zip", files))

    return make


def test_flat_images_have_no_labels(source):
    found = list_images(source("b.png", "a.jpg"))
    assert found.names == ("a.jpg", "b.png")
    assert found.labels is None
    assert found.class_names == ()


def test_subfolders_are_classes(source):
    found = list_images(source("dog/2.png", "cat/1.png", "cat/deeper/0.png"))
    assert found.names == ("cat/1.png", "cat/deeper/0.png", "dog/2.png")
    assert found.labels == (0, 0, 1)
    assert found.class_names == ("cat", "dog")


def test_the_training_split_is_taken_by_default(source):
    both = source("train/cat/1.png", "train/dog/2.png", "test/cat/3.png")
    assert list_images(both).names == ("train/cat/1.png", "train/dog/2.png")
    assert list_images(both).class_names == ("cat", "dog")
    assert list_images(both, "test").names == ("test/cat/3.png",)
    assert list_images(both, "test/").labels == (0,)
    assert list_images(both, "train/dog").labels is None


def test_files_beside_the_splits_do_not_make_them_classes(source):
    found = list_images(source("train/cat/1.png", "train/dog/2.png", "test/cat/3.png", "labels.csv"))
    assert found.class_names == ("cat", "dog")
    assert found.names == ("train/cat/1.png", "train/dog/2.png")


@pytest.mark.parametrize("around", ["top/", "a/b/"])
def test_folders_that_contain_everything_are_not_classes(source, around):
    names = ["cat/1.png", "dog/2.png"]
    found = list_images(source(*(around + name for name in names), "README.txt"))
    assert found.names == tuple(around + name for name in names)
    assert (found.class_names, found.labels, found.below) == (("cat", "dog"), (0, 1), around)


def test_a_single_folder_of_images_is_not_a_class(source):
    found = list_images(source("top/1.png", "top/2.png", "top/more/3.png"))
    assert (len(found.names), found.labels, found.class_names) == (3, None, ())


def test_splits_in_a_folder_around_them(source):
    both = source("top/train/cat/1.png", "top/train/dog/2.png", "top/test/cat/3.png", "top/test/dog/4.png")
    assert list_images(both).names == ("top/train/cat/1.png", "top/train/dog/2.png")
    assert list_images(both).class_names == ("cat", "dog")
    inner, outer = list_images(both, "test"), list_images(both, "top/test")
    assert inner == outer
    assert (inner.below, inner.labels) == ("top/test/", (0, 1))
    assert inner.key != list_images(both).key
    assert list_images(both, "top").class_names == ("test", "train")
    assert list_images(both, "").class_names == ("top",)


def test_folders_around_nothing(source):
    with pytest.raises(ConfigError, match="there are no images in"):
        list_images(source("top/deeper/"))


def test_a_class_may_be_called_train(source):
    assert list_images(source("car/1.png", "train/2.png")).class_names == ("car", "train")


def test_files_that_are_not_images_are_ignored_and_listed(source):
    found = list_images(source("a.png", "notes.txt", ".hidden.png", "__MACOSX/x.png", ".git/y.png", "Thumbs.db"))
    assert found.names == ("a.png",)
    assert found.ignored == ("Thumbs.db", "notes.txt")


def test_names_without_a_suffix_are_images_only_if_none_has_one(source):
    found = list_images(source("a.png", "README", "Makefile"))
    assert found.names == ("a.png",)
    assert found.ignored == ("Makefile", "README")


def test_images_may_have_no_suffix_at_all(source):
    found = list_images(source("1", "2", "labels.csv"))
    assert (found.names, found.ignored) == (("1", "2"), ("labels.csv",))


def test_a_readme_beside_class_folders_is_ignored(source):
    found = list_images(source("cat/1.png", "dog/2.png", "dog/LICENSE", "README"))
    assert (found.class_names, found.labels) == (("cat", "dog"), (0, 1))
    assert found.ignored == ("README", "dog/LICENSE")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["notes.txt"], "there are no images in "),
        (["a.png", "cat/b.png"], r"both images \(a.png\) and folders of images \(cat\)"),
        (["cat/b.png", "dog/", "cow/note.txt"], "class folders without images: cow, dog: remove them, or put"),
        (["a.heic", "b.HEIC", "c.txt"], r"no images in .*, but other files \(2 .heic, 1 .txt\): convert .* JPEG,"),
    ],
)
def test_ambiguous_folders_are_refused(source, names, problem):
    with pytest.raises(ConfigError, match=problem) as error:
        list_images(source(*names))
    assert str(error.value).startswith(("dataset.root: ", "dataset.path: "))
    assert len(error.value.problems) == 1


def test_a_folder_is_no_archive(tmp_path):
    with pytest.raises(ConfigError) as error:
        list_images(Archive(tmp_path))
    assert error.value.problems == [
        f"dataset.path: {tmp_path} is a folder: take dataset=image_folder dataset.root={tmp_path}"
    ]


def test_a_missing_subfolder(source):
    with pytest.raises(ConfigError, match=r"there are no images in .*/val"):
        list_images(source("train/cat/1.png"), "val")


def test_the_key_follows_the_content(source):
    before = source("a.png", "b.png")
    key = list_images(before).key
    assert list_images(before).key == key
    assert list_images(source("a.png", **{"b.png": png(1, size=9)})).key != key
    assert list_images(source("a.png", "b.png", "c.png")).key != key


def test_folder_and_archive_list_the_same(tmp_path):
    files = {f"{kind}/{number}.png": png(number) for kind in ("cat", "dog") for number in range(3)}
    one = list_images(Folder(write_folder(tmp_path / "folder", files)))
    other = list_images(Archive(write_archive(tmp_path / "a.zip", files)))
    assert (one.names, one.labels, one.class_names) == (other.names, other.labels, other.class_names)


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "..\\evil.png"])
def test_archives_that_climb_out_are_refused(tmp_path, name):
    archive = Archive(write_archive(tmp_path / "a.zip", {"good.png": PNG, name: PNG}))
    with pytest.raises(ConfigError, match=r"^dataset.path: .*a.zip contains a path that leads out of it"):
        list_images(archive)


def test_dots_in_names_climb_nowhere(tmp_path):
    assert list_images(Archive(write_archive(tmp_path / "a.zip", {"holiday..2.png": PNG}))).names


def test_missing_and_damaged_sources(tmp_path):
    with pytest.raises(ConfigError, match=r"^dataset.root: there is no folder .*nowhere$"):
        list_images(Folder(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"^dataset.path: there is no file .*nowhere$"):
        list_images(Archive(tmp_path / "nowhere"))
    archive = write_archive(tmp_path / "b.zip", {"a.png": PNG})
    with pytest.raises(ConfigError, match=r"b.zip is a zip archive: take dataset=image_archive dataset.path=.*b.zip$"):
        list_images(Folder(archive))
    (tmp_path / "half.zip").write_bytes(write_archive(tmp_path / "a.zip", {"a.png": PNG}).read_bytes()[:-30])
    with pytest.raises(ConfigError, match="is not a zip archive, or is damaged"):
        list_images(Archive(tmp_path / "half.zip"))


def test_a_link_to_a_folder_above_ends(tmp_path):
    root = write_folder(tmp_path / "images", {"cat/1.png": PNG, "dog/2.png": PNG})
    os.symlink(root, root / "cat" / "loop")
    os.symlink(write_folder(tmp_path / "elsewhere", {"3.png": PNG}), root / "cow")
    assert list_images(Folder(root)).names == ("cat/1.png", "cow/3.png", "dog/2.png")


def test_an_archive_inside_is_not_unpacked_beyond_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_experiments.data.files.listing.LARGEST_FILE", 1000)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(100000))
    with Archive(path).opened() as open_, pytest.raises(ValueError, match="unpacks to more than"):
        open_("bomb.png")
