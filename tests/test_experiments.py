"""The recipes of ``conf/experiment``: each is a right config that trains."""

import math
import re

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tiny import LARGE, TRANSLATORS, tiny_overrides

from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.files import conf_dir
from gan_experiments.config.schema import Config
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build

FILES = sorted((conf_dir() / "experiment").glob("*.yaml"))
RECIPES = [file.stem for file in FILES]
SMALL_MLP = ["model.generator.hidden=[16]", "model.discriminator.hidden=[16]"]


@pytest.mark.parametrize("file", FILES, ids=RECIPES)
def test_it_names_its_paper_and_holds_differences_only(file):
    lines = file.read_text().splitlines()
    assert lines[0] == "# @package _global_"
    assert lines[1].startswith("# ")
    assert "_target_" not in file.read_text()


@pytest.mark.parametrize("file", FILES, ids=RECIPES)
def test_it_says_how_many_generator_steps_its_budget_is(file):
    line = r"^# Budget: ([\d,]+) images(?:, the default,)? are ([\d,]+) generator steps"
    said = re.search(line, file.read_text(), re.MULTILINE)
    config = compose("train", [f"experiment={file.stem}"])
    images, steps = (int(number.replace(",", "")) for number in said.groups())
    assert images == config.budget.images
    assert steps == math.ceil(images / config.batch_size) // config.d_steps


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_has_no_problems_and_no_warnings(recipe):
    fitting = ["task=denoise"] if recipe in TRANSLATORS else []
    fitting += ["augment.blur.sigma=5"] if recipe == "stylegan3_r" else []  # its own is for 512 pixels
    config = compose("train", [f"experiment={recipe}", "dataset=cifar10", *fitting])
    assert check_config(config, Config).problems == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_trains(recipe, tmp_path):
    fully_connected = "MLP" in compose("train", [f"experiment={recipe}"]).model.generator._target_
    small = SMALL_MLP if fully_connected else []
    model = ["model=mlp"] if fully_connected else [f"model={recipe}", "task=denoise"] * (recipe in TRANSLATORS)
    lines = tiny_overrides("metrics=none", f"experiment={recipe}", *model)
    lines = [line for line in lines if line not in ("model=mlp", "budget.images=64")]
    images = LARGE.get(recipe, ["dataset=digits"])
    config = compose("train", [*lines, *small, *images, "d_steps=1", "budget.images=16"])
    parts = build(OmegaConf.to_container(config, resolve=True), RunFolder(tmp_path))
    parts.trainer.fit(parts.system, datamodule=parts.data)
    assert parts.system.clock.images_seen == 16
    values = parts.system.statistics.read() or parts.loop.latest
    assert {"loss/discriminator", "loss/generator"} <= values.keys() or "loss/vae" in values
    assert all(map(math.isfinite, [*values.values(), *parts.loop.latest.values()]))


def test_a_comparison_of_losses_starts_from_the_same():
    losses = ["hinge", "wasserstein", "least_squares"]
    configs = [OmegaConf.to_container(compose("train", ["experiment=baseline", f"loss={loss}"])) for loss in losses]
    assert len({config.pop("loss")["_target_"] for config in configs}) == 3
    assert configs[0] == configs[1] == configs[2]


@pytest.mark.parametrize("loss", ["ebgan", "began"])
def test_energy_based_losses_join_the_comparison(loss):
    config = compose("train", ["experiment=baseline", "model=autoencoder", f"loss={loss}"])
    assert check_config(config, Config).problems == []


def test_the_rates_of_stylegan2_ada_are_corrected_for_lazy_regularization():
    """StyleGAN2-ADA, training_loop.py: ``lr * c`` and ``betas ** c`` with ``c = interval / (interval + 1)``."""
    optimizer = compose("train", ["experiment=stylegan2_ada_cifar10"]).optimizer
    for network, interval in (("generator", 4), ("discriminator", 16)):
        share = interval / (interval + 1)
        assert optimizer[network].lr == pytest.approx(2.5e-3 * share, rel=1e-12)
        assert list(optimizer[network].betas) == pytest.approx([0.0, 0.99**share], rel=1e-12)
    assert (optimizer.generator.lr, round(optimizer.generator.betas[1], 3)) == (2.0e-3, 0.992)
    assert (round(optimizer.discriminator.lr, 6), round(optimizer.discriminator.betas[1], 4)) == (2.353e-3, 0.9906)


@pytest.mark.parametrize("recipe", RECIPES)
def test_its_average_holds_little_of_the_initial_weights_after_the_default_budget(recipe):
    config = compose("train", [f"experiment={recipe}"])
    step = config.batch_size * config.d_steps
    seen = np.arange(0, config.budget.images, step)
    half_lives = np.minimum(config.ema.half_life, np.inf if config.ema.rampup is None else config.ema.rampup * seen)
    kept = np.where((half_lives > 0) & (seen >= config.ema.start), 0.5 ** (step / np.maximum(half_lives, 1e-9)), 0)
    assert kept.prod() < 0.05


def test_sngan_takes_128_fakes_in_the_generator_step():
    config = compose("train", ["experiment=sngan"])
    assert config.batch_size * config.model.generator_batch == 128


def test_a_deep_generator_begins_with_images_that_differ(tmp_path):
    config = compose("train", ["experiment=deep_mlp", "metrics=none"])
    generator = build(OmegaConf.to_container(config, resolve=True), RunFolder(tmp_path)).system.generator
    latents = torch.randn(64, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    assert generator(latents).std(dim=0).mean() > 0.1
