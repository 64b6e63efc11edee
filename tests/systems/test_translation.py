"""What holds for every system of translators."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from same_run import assert_same, assert_same_run
from tiny import TINY, TRANSLATORS

from gan_experiments.cli import compare
from gan_experiments.cli import train as train_command
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.schema import Config
from gan_experiments.core.images import to_float
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.translation import TranslationSystem
from gan_experiments.training.build import build
from gan_experiments.training.train import prepare, train

CONF = Path(__file__).parents[2] / "conf"
TASKS = sorted(path.stem for path in (CONF / "task").glob("*.yaml") if path.stem != "none")
SMALL = {"deblur": ["task.sigma=0.5"]}


@pytest.fixture
def built(tiny, tmp_path):
    def make(*overrides):
        return build(tiny("metrics=none", *overrides), RunFolder(tmp_path / "run"))

    return make


def fit(parts):
    parts.trainer.fit(parts.system, datamodule=parts.data)
    return parts.system


def values_of(parts):
    """Return the last values of a run of two steps, whether or not they have been read."""
    return parts.loop.latest | parts.system.statistics.read()


@pytest.mark.parametrize("task", [task for task in TASKS if task != "colorize"])
@pytest.mark.parametrize("model", TRANSLATORS)
def test_two_steps_of_each_system_on_each_task_move_all_networks(built, model, task):
    parts = built(f"model={model}", f"task={task}", *SMALL.get(task, []), "dataset=digits", "budget.images=16")
    before = {name: weight.clone() for name, weight in parts.system.named_parameters()}
    system = fit(parts)
    assert system.clock.images_seen == 16
    still = [name for name, weight in system.named_parameters() if torch.equal(weight, before[name])]
    # Instance norm takes the mean away, and with it what a bias has added before.
    assert all(name.endswith("bias") for name in still), still
    values = values_of(parts)
    assert {"loss/discriminator", "loss/generator", "logits/real", "accuracy/fake"} <= values.keys()


def test_colours_are_translated_by_each_system(built, tmp_path):
    generator = torch.Generator().manual_seed(0)
    (tmp_path / "images").mkdir()
    for index in range(16):
        pixels = torch.randint(0, 256, (8, 8, 3), generator=generator).to(torch.uint8).numpy()
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")
    for model in TRANSLATORS:
        data = ["task=colorize", "dataset=image_folder", f"dataset.root={tmp_path / 'images'}", "budget.images=8"]
        assert fit(built(f"model={model}", *data)).clock.images_seen == 8


def test_grey_pictures_in_three_channels_are_refused_for_colorize(tiny, tmp_path):
    (tmp_path / "images").mkdir()
    for index in range(16):
        Image.new("L", (8, 8), index).save(tmp_path / "images" / f"{index}.png")
    data = ["task=colorize", "dataset=image_folder", f"dataset.root={tmp_path / 'images'}"]
    with pytest.raises(ConfigError, match="task: colorize needs colours; the images of images are grey"):
        train(tiny("model=pix2pix", *data), RunFolder(tmp_path / "run"))


@pytest.mark.parametrize("model", TRANSLATORS)
def test_a_run_that_is_killed_and_goes_on_has_the_same_bits(tiny, tmp_path, monkeypatch, model):
    config = tiny(f"model={model}", *(["model.pool=6"] if model == "cyclegan" else []))
    whole, half = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "half")
    train(config, whole)
    step = TranslationSystem.step

    def stop_at_40(self, batch):
        step(self, batch)
        if self.clock.images_seen == 40:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(TranslationSystem, "step", stop_at_40)
        train(config, half)
    assert half.record()["images_seen"] == 40
    train(config, half)
    assert_same_run(whole, half)
    assert whole.record()["final"] == half.record()["final"]


def test_evaluating_changes_no_weight(tiny, tmp_path):
    often, never = RunFolder(tmp_path / "often"), RunFolder(tmp_path / "never")
    train(tiny("model=cyclegan", "metrics.every=8", "budget.images=32"), often)
    train(tiny("model=cyclegan", "metrics=none", "budget.images=32"), never)
    assert_same(*(load_file(run.generator_file) for run in (often, never)))


START = {"lecam": ["penalty.lecam.start_images=0"]}


PENALTIES = ["r1_r2", "wgan_gp", "dragan", "cr", "bcr", "lecam", "orthogonal", "top_k"]


@pytest.mark.parametrize("penalty", PENALTIES)
def test_penalties_and_other_losses_work_on_patches(built, penalty):
    one = PENALTIES.index(penalty) % 2
    model, loss = (("pix2pix", "hinge"), ("cyclegan", "relativistic_average"))[one]
    parts = built(f"model={model}", f"loss={loss}", f"penalty={penalty}", "budget.images=16", *START.get(penalty, []))
    fit(parts)
    names = [name for name in values_of(parts) if name.startswith("penalty/")]
    assert penalty == "top_k" or (names and len(names) % (1 + one) == 0)


@pytest.mark.parametrize("augment", ["diffaugment", "instance_noise", "ada"])
def test_augmentations_work_on_translated_images(built, augment):
    parts = built("model=cut", f"augment={augment}", "budget.images=16", *(["augment.ada.p=0.5"] * (augment == "ada")))
    assert fit(parts).clock.images_seen == 16


def test_penalties_of_both_steps_see_the_same_augmented_images(tiny, tmp_path):
    config = tiny("metrics=none", "model=pix2pix", "penalty=feature_matching", "augment=diffaugment", "budget.images=8")
    target = "gan_experiments.networks.dcgan.DCGANDiscriminator"
    config["model"]["discriminator"] = {"_target_": target, "channels": 4, "norm": "none"}
    parts = build(config, RunFolder(tmp_path / "run"))
    penalty, seen = parts.system.penalties["feature_matching"], []
    for name in ("discriminator", "generator"):
        take = getattr(penalty, name)
        setattr(penalty, name, lambda step, take=take: (seen.append((step.real, step.fake)), take(step))[1])
    fit(parts)
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other)


def test_pairs_are_augmented_as_the_channels_of_one_image(built):
    assert fit(built("model=pix2pix", "augment=diffaugment", "budget.images=16")).clock.images_seen == 16
    with pytest.raises(ConfigError, match="ada: supports images of 1 or 3 channels; digits with its inputs has 2"):
        built("model=pix2pix", "augment=ada")


def refused(*overrides):
    config = compose("train", ["metrics=none", *overrides])
    return [str(problem) for problem in check_config(config, Config).errors]


REFUSED = {
    ("model=pix2pix",): "Pix2Pix translates images, and Digits has no inputs",
    ("model=cyclegan",): "take dataset=unpaired, dataset=paired, or derive them: task=denoise",
    ("model=pix2pix", "dataset=digits_twin"): "Pix2Pix learns from pairs, and DigitsTwin has none",
    ("model=dcgan", "task=denoise"): "GAN generates images from noise and has no use for inputs",
    ("model=vae", "dataset=digits_twin", "dataset_defaults=none"): "VAE generates images from noise and would ignore",
    ("model=pix2pix", "task=denoise", "penalty=path_length"): "PathLength",
    ("model=pix2pix", "task=denoise", "penalty=zcr"): "ZCR",
    ("model=pix2pix", "task=denoise", "penalty=latent_optimization"): "LatentOptimization",
    ("model=pix2pix", "task=denoise", "penalty=feature_matching"): "needs features",
    ("model=pix2pix", "task=denoise", "augment=apa"): "APA",
    ("model=pix2pix", "task=denoise", "loss=ebgan"): "needs a discriminator that returns 'energy'",
    ("model=pix2pix", "task=denoise", "freeze.discriminator=1"): "freeze.discriminator: is for generators of images",
    ("model=cyclegan", "task=denoise", "init_from=outputs/x"): "init_from: is for generators of images from noise",
    ("model=pix2pix", "task=denoise", "conditioning=projection"): "no such key",
}


@pytest.mark.parametrize("overrides", REFUSED)
def test_what_makes_no_sense_is_refused_with_the_reason(overrides):
    try:
        problems = refused(*overrides)
    except ConfigError as error:
        problems = error.problems
    assert any(REFUSED[overrides] in problem for problem in problems), problems


CHANNELS = {
    "cyclegan": "model.identity: .* those of A have 1 channels, those of B 3; set it to 0",
    "cut": "model: CUT encodes images of both domains with one network, but those of A have 1",
}


@pytest.mark.parametrize("model", CHANNELS)
def test_domains_with_other_channels_are_refused_where_one_network_sees_both(tiny, tmp_path, model):
    for name in "ab":
        (tmp_path / name).mkdir()
        for index in range(8):
            Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / name / f"{index}.png")
    data = ["dataset=unpaired", f"dataset.root_a={tmp_path / 'a'}", f"dataset.root_b={tmp_path / 'b'}"]
    config = tiny(f"model={model}", *data, "dataset.channels_a=1", "metrics=none")
    with pytest.raises(ConfigError, match=CHANNELS[model]):
        prepare(config, RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    if model == "cyclegan":
        config["model"]["identity"] = 0.0
        prepare(config, RunFolder(tmp_path / "run"))


def test_translation_is_without_noise_and_leaves_modes_as_they_were(built):
    system = built("model=pix2pix").system
    inputs = torch.randn(2, 1, 8, 8)
    modes = [module.training for module in system.modules()]
    assert torch.equal(system.translate(inputs), system.translate(inputs))
    assert [module.training for module in system.modules()] == modes


def test_a_ramp_reaches_both_sides(built):
    system = built("model=cyclegan", "penalty=r1").system
    system.set_number("penalty.r1.weight", 3.0)
    assert [side.penalties["r1"].weight for side in system.sides] == [3.0, 3.0]
    assert system.sides[0].penalties["r1"] is not system.sides[1].penalties["r1"]
    assert to_float(torch.zeros(1, dtype=torch.uint8)).item() == -1


@pytest.mark.slow
def test_a_sweep_over_systems_is_compared_with_their_grids_side_by_side(call, tmp_path):
    shared = [line for line in TINY if "latent_dim" not in line and "extractors" not in line]
    few = ["metrics=[none,pairs]", "budget.images=8", "callbacks.samples.every=8"]
    systems = ["task=denoise", "model=pix2pix,cyclegan,cut", "hydra.sweep.dir=study"]
    code, out, err = call(train_command, "-m", *shared, *few, *systems)
    assert code == 0, err
    assert "3 jobs: 3 finished" in out
    code, out, err = call(compare, "study=study", "measure=psnr")
    assert code == 0, err
    assert "final PSNR" in out
    page = (tmp_path / "study" / "comparison" / "report.html").read_text()
    assert all(f"samples of {model}" in page for model in ("pix2pix", "cyclegan", "cut"))
    assert "all of them show the same inputs." in page
    grids = [np.asarray(Image.open(path)) for path in sorted(tmp_path.glob("study/*/samples/*8.png"))]
    assert len(grids) == 3
    for column in (0, 2):  # input and right answer are those of all; the translation in between is not
        of_column = [grid[:, 2 + 34 * column : 34 + 34 * column] for grid in grids]  # 8 pixels four times as large
        assert all(np.array_equal(of_column[0], other) for other in of_column[1:])
    assert not np.array_equal(grids[0][:, 36:68], grids[1][:, 36:68])
