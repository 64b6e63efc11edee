import numpy as np
import pytest
import torch
from config_view import problems
from PIL import ExifTags, Image

from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.paired import Paired


def picture(path, *levels, size=(8, 8)):
    """Write squares of one grey level each, side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([np.full((size[1], size[0]), level, np.uint8) for level in levels], 1)).save(path)


@pytest.fixture
def folders(tmp_path):
    for name, level in (("x", 10), ("y", 20), ("z/w", 30)):
        picture(tmp_path / "a" / f"{name.replace('/', '-')}.png", level)
        picture(tmp_path / "b" / f"{name.replace('/', '-')}.bmp", level + 1)
    return {"root_a": str(tmp_path / "a"), "root_b": str(tmp_path / "b")}


def first_pixels(data):
    data.prepare_data()
    return data.inputs.of(torch.arange(len(data.images)))[:, 0, 0, 0].tolist(), data.images[:, 0, 0, 0].tolist()


def test_images_of_two_folders_are_paired_by_their_names(folders):
    assert first_pixels(Paired(**folders)) == ([10, 20, 30], [11, 21, 31])


@pytest.mark.parametrize("side", ["left", "right"])
def test_halves_of_one_picture_are_a_pair(tmp_path, side):
    picture(tmp_path / "1.png", 5, 6)
    picture(tmp_path / "2.png", 7, 8)
    inputs, images = first_pixels(Paired(root=str(tmp_path), inputs=side, channels_a=1))
    assert (inputs, images) == (([5, 7], [6, 8]) if side == "left" else ([6, 8], [5, 7]))


def test_a_picture_is_turned_upright_before_it_is_halved(tmp_path):
    upright = np.repeat(np.repeat(np.arange(4, dtype=np.uint8).reshape(1, 4) * 60, 8, 0), 4, 1)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turn by 90 degrees clockwise
    Image.fromarray(np.rot90(upright).copy()).save(tmp_path / "a.png", exif=exif)
    data = Paired(root=str(tmp_path))
    data.prepare_data()
    sides = data.inputs.of(torch.arange(1))[0], data.images[0]
    for side, half in zip(sides, (upright[:, :8], upright[:, 8:]), strict=True):
        assert torch.equal(side[0], torch.from_numpy(half))


def test_the_facts_hold_both(folders):
    data = Paired(**folders, channels_a=1, image_size=4)
    assert data.facts.channels == 3
    assert data.inputs.facts.input_channels == 1
    assert data.inputs.facts.image_size == 4
    data.prepare_data()
    assert data.inputs.of(torch.arange(1)).shape == (1, 1, 4, 4)
    assert torch.equal(data.inputs.answers_of(torch.arange(2)), data.images[:2])


def test_images_without_a_partner_are_listed_at_most_ten_with_counts(folders, tmp_path):
    for index in range(12):
        picture(tmp_path / "a" / f"alone{index:02}.png", 1)
    picture(tmp_path / "b" / "single.png", 1)
    with pytest.raises(ConfigError) as caught:
        Paired(**folders).prepare_data()
    first, second = caught.value.problems
    assert first.startswith("dataset.root_a: 12 of 15 images have no partner in root_b: alone00.png")
    assert "alone09.png" in first
    assert "alone10.png" not in first
    assert second == "dataset.root_b: 1 of 4 images have no partner in root_a: single.png"


def test_sizes_are_those_of_upright_pictures(tmp_path):
    picture(tmp_path / "b" / "x.png", 1, size=(8, 12))
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    (tmp_path / "a").mkdir()
    with Image.open(tmp_path / "b" / "x.png") as upright:
        upright.rotate(90, expand=True).save(tmp_path / "a" / "x.jpg", exif=turned)
    folders = {"root_a": str(tmp_path / "a"), "root_b": str(tmp_path / "b")}
    assert first_pixels(Paired(**folders, image_size=[12, 8])) == ([1], [1])
    picture(tmp_path / "a" / "x.jpg", 1, size=(12, 8))  # as it is stored, but not turned
    with pytest.raises(ConfigError, match=r"x.jpg \(12x8 and 8x12\)"):
        Paired(**folders, image_size=[12, 8]).prepare_data()


def test_pairs_of_two_sizes_are_listed(folders, tmp_path):
    picture(tmp_path / "a" / "x.png", 1, size=(9, 8))
    with pytest.raises(ConfigError, match=r"1 of 3 pairs have images of two sizes: x.png \(9x8 and 8x8\)"):
        Paired(**folders).prepare_data()


def test_names_that_differ_in_the_suffix_only_are_refused(folders, tmp_path):
    picture(tmp_path / "a" / "x.bmp", 1)
    with pytest.raises(ConfigError, match="the names of two images differ in their suffix only"):
        Paired(**folders).prepare_data()


def test_a_pair_that_cannot_be_read_is_refused(folders, tmp_path):
    (tmp_path / "b" / "y.bmp").write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"y.bmp \(not an image\)"):
        Paired(**folders).prepare_data()


@pytest.mark.parametrize(
    "options", [{}, {"root": "x", "root_a": "y"}, {"root_a": "x"}, {"root": "x", "root_a": "y", "root_b": "z"}]
)
def test_other_sources_than_one_kind_are_refused(options):
    (line,) = problems({"dataset": {"_target_": Paired, **options}}, "dataset")
    assert "give root, of pictures with both images side by side, or root_a and root_b" in line
    assert problems({"dataset": {"_target_": Paired, "root": "x"}}, "dataset") == []
