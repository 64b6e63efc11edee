"""What holds for every dataset: its config file, and the order of its batches."""

import inspect

import pytest
import torch
from batches import first_batches, loader
from drawn import png, write_archive, write_folder, write_shards
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gan_experiments.config.files import INHERITED, conf_dir
from gan_experiments.core.contracts import Batch
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.datasets.image_files import ImageArchive, ImageFolder
from gan_experiments.data.prefetch import Prefetched
from gan_experiments.data.shards.dataset import Shards
from gan_experiments.data.synthetic.points import Ring
from gan_experiments.data.synthetic.polygons import Polygons
from gan_experiments.data.synthetic.stacked import StackedDigits
from gan_experiments.training.build import locate

OPTIONS = sorted(file.stem for file in (conf_dir() / "dataset").glob("*.yaml") if file.stem != INHERITED)
IMAGES = {f"{name}/{number}.png": png(number) for name in "xyz" for number in range(20)}


def defaults(cls):
    """Return the defaults of a constructor, following ``**options`` to the next one; ``???`` for required arguments."""
    found = {}
    for base in cls.__mro__:
        if "__init__" in vars(base):
            parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
            found = {p.name: "???" if p.default is p.empty else p.default for p in parameters} | found
            if "options" not in found:
                return {name: default for name, default in found.items() if name != "seed"}
            del found["options"]
    raise AssertionError("the options of every dataset are not listed")


@pytest.mark.parametrize("option", OPTIONS)
def test_the_config_lists_every_argument_with_its_default(option):
    with initialize_config_dir(str(conf_dir()), version_base=None):
        config = OmegaConf.to_container(compose(f"dataset/{option}")["dataset"])
    expected = OmegaConf.to_container(OmegaConf.create(defaults(locate(config.pop("_target_")))))
    # A dataset in a dataset has defaults of its own.
    assert {name: "???" if isinstance(value, dict) else value for name, value in config.items()} == expected


def folder(tmp_path, **options):
    return ImageFolder(str(write_folder(tmp_path / "images", IMAGES)), **options)


def archive(tmp_path, **options):
    return ImageArchive(str(write_archive(tmp_path / "images.zip", IMAGES)), **options)


def digits(tmp_path, **options):
    return Digits(**options)


def shards(tmp_path, **options):
    pytest.importorskip("webdataset")
    return Shards(write_shards(tmp_path / "shards"), reference_images=10, shuffle_shards=2, **options)


KINDS = {
    "digits": digits,
    "folder": folder,
    "archive": archive,
    "points": lambda tmp_path: Ring(num_points=70),
    "stacked": lambda tmp_path: StackedDigits(num_images=50),
    "unlabelled": lambda tmp_path: Polygons(image_size=8, num_images=40),
    "subset": lambda tmp_path: digits(tmp_path, limit=30, seed=4),
    "per class": lambda tmp_path: digits(tmp_path, per_class=3, seed=4),
    "flip and crop": lambda tmp_path: folder(tmp_path, horizontal_flip=True, random_crop=2, seed=4),
    "shards": shards,
    "subset of shards": lambda tmp_path: shards(tmp_path, limit=31, horizontal_flip=True, random_crop=1, seed=4),
    "everything": lambda tmp_path: archive(tmp_path, long_tail=4.0, limit=25, horizontal_flip=True, seed=4),
}


@pytest.fixture(params=KINDS)
def data(request, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    made = KINDS[request.param](tmp_path)
    made.prepare_data()
    made.setup()
    return made


def joined(found):
    labels = [batch.labels for batch in found]
    return Batch(torch.cat([batch.images for batch in found]), None if labels[0] is None else torch.cat(labels))


def assert_same(found, expected):
    assert torch.equal(found.images, expected.images)
    assert found.labels is expected.labels is None or torch.equal(found.labels, expected.labels)


def test_a_resume_in_the_middle_of_an_epoch_goes_on_with_the_same_images(data):
    whole, rest = first_batches(data, 9), first_batches(data, 5, start=48)
    for expected, found in zip(whole[4:], rest, strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_each_batch_in_blocks(data, world_size):
    alone = first_batches(data, 6)
    shared = zip(*(first_batches(data, 6, rank=rank, world_size=world_size) for rank in range(world_size)), strict=True)
    for expected, parts in zip(alone, shared, strict=True):
        assert_same(joined(parts), expected)


def test_only_the_subset_is_trained_on(tmp_path):
    data = digits(tmp_path, limit=30, seed=4)
    seen = {tuple(image.flatten().tolist()) for image in joined(first_batches(data, 10)).images}
    assert seen <= {tuple(image.flatten().tolist()) for image in data.images[data.training]}
    assert 25 <= len(seen) <= 30
    assert len(data.images) == 1797
    assert data.fingerprint == Digits().fingerprint  # measured against all of them
    assert data.provenance()["training_images"] == 30


def test_flips_are_of_the_same_images(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    plain, shown = folder(tmp_path, seed=4), folder(tmp_path, seed=4, horizontal_flip=True)
    for expected, found in zip(first_batches(plain, 3), first_batches(shown, 3), strict=True):
        mirrored = (expected.images.flip(-1) == found.images).flatten(1).all(1)
        assert torch.all(mirrored ^ (expected.images == found.images).flatten(1).all(1))


def test_images_that_do_not_fit_on_the_gpu_are_prefetched(data, monkeypatch):
    monkeypatch.setattr("gan_experiments.data.base.fits", lambda images, device: False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)  # nothing to pin memory for
    ahead = loader(data, start=48, device="cuda")
    assert isinstance(ahead, Prefetched)
    stream = iter(ahead)
    for expected in first_batches(data, 5, start=48):
        assert_same(next(stream), expected)
    stream.close()
