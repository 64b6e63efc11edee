from pathlib import Path

import numpy as np
import pytest
import torch
from config_view import problems
from PIL import Image
from scipy.ndimage import gaussian_filter, median_filter, sobel

from gan_experiments.config.compose import compose
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.datasets.cifar import CIFAR10
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.synthetic.twin import DigitsTwin
from gan_experiments.data.tasks.colorize import Colorize
from gan_experiments.data.tasks.deblur import Deblur
from gan_experiments.data.tasks.denoise import Denoise
from gan_experiments.data.tasks.edges import Edges
from gan_experiments.data.tasks.inpaint import HOLE, Inpaint
from gan_experiments.data.tasks.super_resolution import SuperResolution
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.pix2pix import Pix2Pix
from gan_experiments.training.build import construct

CONF = Path(__file__).parents[3] / "conf" / "task"
TASKS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "none")
IMAGES = torch.randint(0, 256, (6, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def task_of(name, *overrides):
    return construct(compose("train", [f"task={name}", "model=pix2pix", *overrides]).task)


@pytest.mark.parametrize("name", TASKS)
def test_inputs_are_images_of_the_same_shape_and_depend_on_the_stream_alone(name):
    task = task_of(name)
    once, again = (task(IMAGES, Stream(0)) for _ in range(2))
    assert once.dtype == torch.uint8
    assert once.shape == IMAGES.shape
    assert torch.equal(once, again)
    assert not torch.equal(once, IMAGES)
    halves = [task(IMAGES[3 * rank :][:3], Stream(0, rank=rank, world_size=2)) for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), once)  # two processes derive what one does
    assert task.classical(once).shape == IMAGES.shape
    assert (task.classical_name == "") == torch.equal(task.classical(once), once)


def test_denoise_adds_gaussian_noise():
    grey = torch.full((50, 1, 16, 16), 128, dtype=torch.uint8)
    noise = Denoise(sigma=20.0)(grey, Stream(0)).double() - 128
    assert noise.mean().item() == pytest.approx(0, abs=0.5)
    assert noise.std().item() == pytest.approx(20, rel=0.02)


def test_its_classical_answer_is_the_median_filter_of_scipy():
    expected = np.stack([[median_filter(channel, 3, mode="mirror") for channel in image] for image in IMAGES.numpy()])
    assert np.array_equal(Denoise().classical(IMAGES).numpy(), expected)


def test_super_resolution_repeats_the_pixels_that_pillow_makes():
    task = SuperResolution(4)
    inputs = task(IMAGES, Stream(0))
    small = inputs[..., ::4, ::4]
    for image, its in zip(IMAGES, small, strict=True):
        channels = [Image.fromarray(c.numpy()).resize((4, 4), Image.Resampling.BICUBIC) for c in image]
        assert np.abs(np.stack(channels).astype(int) - its.numpy()).max() <= 1  # Pillow rounds in between
    assert torch.equal(task.of_user(small), inputs)


def test_its_classical_answer_is_bicubic_interpolation():
    inputs = SuperResolution(2)(IMAGES, Stream(0))
    small = inputs[..., ::2, ::2]
    found = SuperResolution(2).classical(inputs)
    for image, its in zip(small, found, strict=True):
        channels = [Image.fromarray(c.numpy()).resize((16, 16), Image.Resampling.BICUBIC) for c in image]
        assert np.abs(np.stack(channels).astype(int) - its.numpy()).max() <= 1


def test_deblur_blurs_like_scipy():
    expected = gaussian_filter(IMAGES.numpy().astype(float), (0, 0, 1.0, 1.0), mode="mirror", truncate=3.0)
    assert np.abs(Deblur(1.0)(IMAGES, Stream(0)).numpy() - expected).max() <= 0.6


def test_edges_are_the_length_of_the_gradient_of_scipy():
    grey = IMAGES.numpy().mean(1)
    length = np.stack([np.hypot(sobel(each, 0, mode="nearest"), sobel(each, 1, mode="nearest")) for each in grey]) / 8
    length = length.clip(0, 255)
    found = Edges(gain=1.0)(IMAGES, Stream(0)).numpy()
    assert np.abs(found - length[:, None]).max() <= 0.6


def test_colorize_gives_the_grey_of_pillow():
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L") for image in IMAGES]
    expected = np.stack([np.asarray(each) for each in pictures])
    assert np.abs(Colorize()(IMAGES, Stream(0)).numpy().astype(int) - expected[:, None]).max() <= 1


@pytest.mark.parametrize("mask", ["centre", "random"])
def test_inpaint_makes_one_square_hole(mask):
    white = torch.full((40, 1, 16, 12), 255, dtype=torch.uint8)
    holes = Inpaint(0.5, mask)(white, Stream(0))[:, 0] == HOLE
    assert (holes.sum((1, 2)) == 8 * 6).all()
    places = {tuple(hole.nonzero()[0].tolist()) for hole in holes}
    assert places == {(4, 3)} if mask == "centre" else len(places) > 10
    assert (holes.any(2).sum(1) == 8).all()
    assert (holes.any(1).sum(1) == 6).all()


@pytest.mark.parametrize(
    ("task", "facts", "problem"),
    [
        (Colorize(), DataFacts("x", 8, 1), "colorize needs images with three channels; x has 1"),
        (SuperResolution(3), DataFacts("x", 8, 1), "task.factor: 3 does not divide the 8 pixels of x"),
        (Deblur(3.0), DataFacts("x", 8, 1), "task.sigma: 3 blurs over 9 pixels to either side; x has 8"),
    ],
)
def test_what_the_data_cannot_carry_is_refused(task, facts, problem):
    with pytest.raises(ConfigError, match=problem):
        task.refuse(facts)


def test_images_whose_channels_are_equal_have_no_colours_to_learn():
    grey = IMAGES[:, :1].expand_as(IMAGES)
    with pytest.raises(ConfigError, match="the images of x are grey: their channels are equal"):
        Colorize().refuse_images(grey, "x")
    Colorize().refuse_images(torch.cat([grey[:5], IMAGES[5:]]), "x")  # one with colours is enough
    Denoise().refuse_images(grey, "x")


def config(task=Denoise, dataset=Digits, model=Pix2Pix):
    return {"task": {"_target_": task}, "dataset": {"_target_": dataset}, "model": {"_target_": model}}


def test_a_task_asks_for_a_translator_and_for_data_without_inputs():
    assert problems(config(), "task") == []
    (line,) = problems(config(model=GAN), "task")
    assert "GAN generates images from noise" in line
    (line,) = problems(config(dataset=DigitsTwin), "task")
    assert "DigitsTwin has inputs of its own" in line
    (line,) = problems(config(Colorize), "task")
    assert "the images of Digits are grey" in line
    assert problems(config(Colorize, CIFAR10), "task") == []
