from pathlib import Path

import numpy as np
import pytest
import torch
from backbones import random_backbone
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.models import alexnet, vgg16

from gan_experiments.core.perceptual import PerceptualEmbedding
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.dcgan import DCGANGenerator
from gan_experiments.networks.stylegan2 import StyleGAN2Generator
from gan_experiments.sampling.projection import Projection, image_distance, lpips, project, read_image

FACTS = DataFacts("images", 16, 3, 4)


def generator_of(kind, **options):
    torch.manual_seed(0)
    if kind is StyleGAN2Generator:
        options |= {"style_dim": 8, "max_channels": 8, "mapping_layers": 2, "mapping_lr": 1.0}
    generator = kind(FACTS, latent_dim=8, channels=8, **options).eval().requires_grad_(False)
    if kind is StyleGAN2Generator:
        for name, weight in generator.named_parameters():
            if name.endswith("bias") and "style" not in name:
                weight.normal_(0, 0.5)
    return generator


@pytest.mark.parametrize("kind", [DCGANGenerator, StyleGAN2Generator])
def test_images_of_the_generator_itself_are_met(kind):
    generator = generator_of(kind)
    targets = generator(torch.randn(2, 8, generator=torch.Generator().manual_seed(1)))
    first = project(generator, targets, None, Stream(0, "x"), 1, 0.1)
    last = project(generator, targets, None, Stream(0, "x"), 100, 0.1)
    before, after = (image_distance(generator.synthesize(styles), targets) for styles in (first, last))
    assert after < 0.1 * before
    assert torch.equal(last, project(generator, targets, None, Stream(0, "x"), 100, 0.1))
    alone = project(generator, targets[:1], None, Stream(0, "x"), 100, 0.1)
    assert image_distance(generator.synthesize(alone), targets[:1]) < 0.1 * before


def write(path, size=(40, 20), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


def test_the_sheet_has_targets_projections_and_the_way_between(tmp_path):
    files = [write(tmp_path / f"{seed}.png", seed=seed) for seed in range(3)]
    generator = generator_of(DCGANGenerator, conditional=True)
    sheet = Projection(files, steps=2, between=4, label=3)(generator, None, 0)
    assert sheet.dtype == torch.uint8
    cell = sheet.shape[2] // 4
    assert sheet.shape[0] == 3
    assert sheet.shape[1] // cell == 4  # targets, projections, two ways


def test_files_are_cropped_in_the_middle_and_resized(tmp_path):
    flat = np.zeros((16, 32, 3), np.uint8)
    flat[:, 8:24] = 200
    Image.fromarray(flat).save(tmp_path / "wide.png")
    image = read_image(tmp_path / "wide.png", FACTS)
    assert image.shape == (3, 16, 16)
    assert (image == 200).all()
    grey = read_image(tmp_path / "wide.png", DataFacts("images", 8, 1))
    assert grey.shape == (1, 8, 8)


def test_what_cannot_be_read_and_classes_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    for path in ("text.png", "absent.png"):
        with pytest.raises(ConfigError, match=f"output.images: .*{path} cannot be read"):
            read_image(Path(tmp_path / path), FACTS)
    with pytest.raises(ConfigError, match="names no file"):
        Projection([])(generator_of(DCGANGenerator), None, 0)
    file = write(tmp_path / "a.png")
    for conditional, label, problem in (
        (False, 1, "null: the generator takes no labels"),
        (True, None, "a class of 0 to 3"),
        (True, 4, "a class of 0 to 3"),
    ):
        with pytest.raises(ConfigError, match=f"output.label: {label} is not {problem}"):
            Projection([file], label=label)(generator_of(DCGANGenerator, conditional=conditional), None, 0)


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_lpips_is_a_distance_where_its_weights_are_given(network, tmp_path):
    kind = {"alex": alexnet, "vgg": vgg16}[network]
    save_file(random_backbone(network=kind), tmp_path / "weights.safetensors")
    torch.manual_seed(0)
    generator = DCGANGenerator(DataFacts("images", 32, 3), latent_dim=8, channels=4).eval().requires_grad_(False)
    for weight in generator.parameters():
        weight.mul_(8)  # of images that differ
    picture = write(tmp_path / "a.png", size=(32, 32))
    options = {"steps": 20, "distance": network, "weights": str(tmp_path / "weights.safetensors")}
    targets, styles, _ = Projection([picture], **options).projected(generator, 0)
    assert not torch.equal(styles, Projection([picture], steps=20).projected(generator, 0)[1])
    away = lpips(network, options["weights"], generator)
    assert away(targets, targets) == 0
    embed = PerceptualEmbedding(load_file(tmp_path / "weights.safetensors"), network)
    images = generator.synthesize(styles)
    torch.testing.assert_close(away(images, targets), (embed(images) - embed(targets)).square().sum())
    mean = generator.styles(Stream(0, "projection").normal(1000, 8), None).mean(dim=0, keepdim=True)
    assert away(images, targets) < 0.99 * away(generator.synthesize(mean), targets)


def test_distances_that_do_not_fit_are_refused(tmp_path):
    picture = write(tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"output\.distance: LPIPS needs grey or coloured images of 32 pixels"):
        Projection([picture], distance="vgg")(generator_of(DCGANGenerator), None, 0)
    with pytest.raises(ConfigError, match=r"output\.weights: of no use with output\.distance=pixels"):
        Projection([picture], weights="x")(generator_of(DCGANGenerator), None, 0)
    larger = DCGANGenerator(DataFacts("images", 32, 3), latent_dim=8, channels=4).eval()
    with pytest.raises(ConfigError, match=r"output\.weights: there is no file absent"):
        Projection([picture], distance="alex", weights="absent")(larger, None, 0)
