"""Rectangles, other numbers of channels and 16 bits, from the files to a trained network and back to files."""

import numpy as np
import pytest
import torch
from needs_torch import DEEP, EXPORTS
from PIL import Image

from gan_experiments.api.run import load_run
from gan_experiments.cli import sample, translate
from gan_experiments.core.images import as_measured, grey_levels
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.datasets.image_files import ImageFolder
from gan_experiments.data.datasets.torch_dataset import TorchDataset
from gan_experiments.data.fakes import fakes_from_array, load_fakes
from gan_experiments.data.shards.dataset import Shards
from gan_experiments.data.shards.writer import write_shards
from gan_experiments.data.tasks.denoise import Denoise
from gan_experiments.data.tasks.inpaint import Inpaint
from gan_experiments.data.tasks.super_resolution import SuperResolution
from gan_experiments.metrics.extractors.base import Extractor
from gan_experiments.metrics.translation import PSNR
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.generator_file import load_generator
from gan_experiments.runs.onnx import export_onnx
from gan_experiments.training.train import train

COUNT = 24
KINDS = {  # height, width, channels, bits; and what of the defaults does not fit them
    "rectangle": ((16, 24, 3, 8), ["augment=diffaugment"]),
    "transparency": ((8, 8, 4, 8), []),
    "deep": ((8, 16, 1, 16), []),
}

SHAPES = [(8, 12, 6, 8), (12, 8, 4, 8), *(pytest.param(shape, marks=DEEP) for shape in ((8, 12, 2, 16), (8, 8, 1, 16)))]


def arrays(height, width, channels, bits):
    drawn = np.random.default_rng(0).integers(0, 2**bits, (COUNT, height, width, channels))
    return drawn.astype(np.uint8 if bits == 8 else np.uint16)


def write(folder, images):
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(folder / f"{number:02}.png")
    return folder


def options(root, height, width, channels, bits):
    return {"root": str(root), "image_size": [height, width], "channels": channels, "bits": bits}


class Photographs(Extractor):
    of_photographs = True
    name, num_features, weight_hash = "inception", 1, ""

    def load(self, data):
        self._network = torch.nn.Flatten()


@pytest.fixture
def trained(tiny, tmp_path):
    def make(root, shape, *overrides):
        chosen = [f"dataset.{name}={value}" for name, value in options(root, *shape).items()]
        config = tiny("dataset=image_folder", *chosen, "budget.images=16", "metrics.every=16", *overrides)
        folder = RunFolder(tmp_path / "run")
        folder.write_config(config)
        train(config, folder)
        return load_run(folder.path)

    return make


@EXPORTS
@pytest.mark.usefixtures("quick_onnx")
@pytest.mark.parametrize("kind", ["rectangle", "transparency", pytest.param("deep", marks=DEEP)])
def test_they_are_trained_on_measured_exported_and_drawn(trained, call, tmp_path, kind):
    shape, others = KINDS[kind]
    height, width, channels, bits = shape
    root = write(tmp_path / "pictures", arrays(*shape))
    run = trained(root, shape, *others)
    generator = load_generator(run.files.generator_file).eval()
    assert generator.facts == DataFacts("pictures", (height, width), channels, bits=bits)
    images = run.sample(3)
    assert images.shape == (3, channels, height, width)
    latents = Stream(0, "samples").normal(3, generator.latent_dim)
    with torch.no_grad():
        assert torch.equal(images, as_measured(generator(latents), bits))
    assert images.dtype == (torch.uint16 if bits == 16 else torch.uint8)
    assert run.record["final"]["fid"]["value"] > 0
    assert export_onnx(generator, tmp_path / "generator.onnx") < 1e-4
    assert call(sample, f"run={run.files.path}", "file=sheet.png")[0] == 0
    with Image.open("sheet.png") as sheet:
        assert sheet.mode == ("I;16" if bits == 16 else "RGB")


@DEEP
def test_a_translator_keeps_sixteen_bits(trained, call, tmp_path):
    images = arrays(16, 24, 1, 16)
    root = write(tmp_path / "pictures", images)
    run = trained(root, (16, 24, 1, 16), "model=pix2pix", "task=denoise", "metrics=[native,pairs]")
    assert run.record["final"]["psnr"]["value"] > 0
    assert call(translate, f"run={run.files.path}", f"input={root / '03.png'}", "output=translated")[0] == 0
    with Image.open("translated/03.png") as picture:
        assert (picture.mode, picture.size) == ("I;16", (24, 16))
        written = torch.from_numpy(np.asarray(picture)[None, None].copy())
    given = torch.from_numpy(images[3:4].transpose(0, 3, 1, 2).copy())
    assert torch.equal(run.translate(given), written)
    with pytest.raises(ConfigError, match="uint16"):
        run.translate(given.to(torch.uint8))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shards_hold_the_same_images(tmp_path, monkeypatch, shape):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "arrays"
    folder.mkdir()
    for number, image in enumerate(arrays(*shape)):
        np.save(folder / f"{number:02}.npy", image)
    data = ImageFolder(**options(folder, *shape))
    data.setup()
    assert np.array_equal(data.images.numpy(), arrays(*shape).transpose(0, 3, 1, 2))
    urls = write_shards(data, tmp_path / "shards", 10, seed=0)
    asked = options(folder, *shape)
    del asked["root"]
    shards = Shards(urls, workers=1, **asked)
    shards.setup()
    order = Stream(0, "shards").permutation(COUNT)
    assert torch.equal(shards.images, data.images[order])
    fetch, _ = shards.fetch(torch.device("cpu"))
    assert torch.equal(fetch(torch.tensor([3, 20])).images, shards.images[[3, 20]])


@DEEP
def test_random_flips_and_crops_keep_sixteen_bits(tmp_path):
    root = write(tmp_path / "pictures", arrays(8, 16, 1, 16))
    data = ImageFolder(**options(root, 8, 16, 1, 16), horizontal_flip=True, random_crop=2)
    data.setup()
    seen = data.transform(data.images, 0)
    assert seen.dtype == torch.uint16
    assert not torch.equal(seen, data.images)
    assert set(seen.int().flatten().tolist()) <= set(data.images.int().flatten().tolist())


@pytest.mark.parametrize("task", [Denoise(), Inpaint(), SuperResolution(2)], ids=lambda task: type(task).__name__)
def test_tasks_degrade_sixteen_bits_as_they_do_eight(task):
    """An image whose levels are multiplied by 257 is the same image."""
    shallow = torch.from_numpy(arrays(8, 16, 1, 8).transpose(0, 3, 1, 2).copy())
    deep = (shallow.int() * 257).to(torch.uint16)
    of_shallow, of_deep = (task(images, Stream("task")) for images in (shallow, deep))
    assert of_deep.dtype == torch.uint16
    assert (grey_levels(of_deep) - of_shallow).abs().max() <= 0.51  # of rounding to eight bits
    assert (grey_levels(task.classical(of_deep)) - task.classical(of_shallow)).abs().max() <= 1.5


def test_errors_are_measured_in_grey_levels():
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint16)
    answers = images.int().add(257 * 3).to(torch.uint16)
    assert torch.equal(PSNR().compare(images, answers), torch.full((2,), 9.0, dtype=torch.float64))


@DEEP
def test_photographs_are_asked_for_where_a_network_knows_no_others(tmp_path):
    root = write(tmp_path / "pictures", arrays(8, 16, 1, 16))

    def prepared(channels, bits):
        extractor = Photographs()
        extractor.prepare(ImageFolder(**options(root, 8, 16, channels, bits)))
        return extractor.provenance().get("rounded_to_bits")

    assert prepared(1, 16) == 8
    assert prepared(1, 8) is None
    with pytest.raises(ConfigError, match="inception takes grey and RGB images; pictures has 4 channels"):
        prepared(4, 8)


@DEEP
def test_generated_images_of_others_must_be_of_the_same_kind(tmp_path):
    deep = DataFacts("deep", (8, 16), 1, bits=16)
    images = arrays(8, 16, 1, 16)
    assert torch.equal(fakes_from_array(images, deep), load_fakes(write(tmp_path / "pictures", images), deep))
    with pytest.raises(ConfigError, match=r"save uint16 in \[0, 65535\]"):
        fakes_from_array(images.astype(np.uint8), deep)
    shallow = write(tmp_path / "shallow", arrays(8, 16, 1, 8))
    with pytest.raises(ConfigError, match="grey, those of deep are grey of 16 bits"):
        load_fakes(shallow, deep)


@pytest.mark.parametrize("shape", [(8, 12, 6, 8), pytest.param((8, 12, 1, 16), marks=DEEP)], ids=str)
def test_a_dataset_of_torch_gives_arrays(shape):
    height, width, channels, bits = shape
    images = arrays(*shape)
    data = TorchDataset(images, image_size=[height, width], bits=bits)
    data.setup()
    assert data.facts == DataFacts("ndarray", (height, width), channels, 0, COUNT, bits=bits)
    assert np.array_equal(data.images.numpy(), images.transpose(0, 3, 1, 2))
