import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from same_run import assert_same_run
from tiny import tiny_overrides

from gan_experiments.api.train import train
from gan_experiments.comparison.comparison import compare
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.gan import GAN
from gan_experiments.training.build import build
from gan_experiments.training.initial import begin_with, fitting


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source():
    return train(tiny_overrides("metrics=none", "seed=5", "ema.half_life=20", "output_dir=.", "name=source")).files


def system_of(tiny, source, *overrides):
    return build(tiny("metrics=none", *overrides), source).system


def weights_of(run):
    return load_checkpoint(run.checkpoint("last"))["state_dict"]


def part(weights, prefix):
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("generator", ["ema", "raw"])
def test_a_run_begins_with_the_networks_of_another(tiny, source, generator):
    system = system_of(tiny, source)
    origin = begin_with(system, str(source.path), {"generator": generator})
    saved = weights_of(source)
    own = part(saved, {"ema": "ema.module.", "raw": "generator."}[generator])
    assert_equal(system.generator.state_dict(), own)
    assert_equal(system.ema.module.state_dict(), own)
    assert_equal(system.discriminator.state_dict(), part(saved, "discriminator."))
    assert (system.clock.images_seen, origin["images_seen"], origin["seed"], origin["left"]) == (0, 64, 5, [])
    assert origin["file"] == str(source.checkpoint("last").resolve())


def test_a_file_has_a_generator_only(tiny, source):
    system = system_of(tiny, source)
    before = {name: value.clone() for name, value in system.discriminator.state_dict().items()}
    origin = begin_with(system, str(source.generator_file), {})
    assert_equal(system.generator.state_dict(), load_file(source.generator_file))
    assert_equal(system.discriminator.state_dict(), before)
    assert list(origin["taken"]) == ["generator"]
    for options, problem in (
        ({"generator": "raw"}, "holds the averaged generator only"),
        ({"networks": "discriminator"}, "has no discriminator"),
        ({"strict": True}, "has no discriminator"),
    ):
        with pytest.raises(ConfigError, match=problem):
            begin_with(system, str(source.generator_file), options)


def test_one_network_can_be_taken(tiny, source):
    system = system_of(tiny, source)
    before = {name: value.clone() for name, value in system.generator.state_dict().items()}
    begin_with(system, str(source.path), {"networks": "discriminator"})
    assert_equal(system.generator.state_dict(), before)
    assert_equal(system.discriminator.state_dict(), part(weights_of(source), "discriminator."))
    with pytest.raises(ConfigError, match="GAN of this run has no encoder"):
        begin_with(system, str(source.path), {"networks": "encoder"})


def test_what_does_not_fit_is_listed_by_name_and_shape(tiny, source, caplog):
    system = system_of(tiny, source, "model.generator.latent_dim=16")
    origin = begin_with(system, str(source.path), {})
    assert origin["left"] == ["generator.layers.0.weight ((32, 12) there, (32, 16) here)"]
    assert "not: generator.layers.0.weight ((32, 12) there, (32, 16) here)" in caplog.text
    with pytest.raises(ConfigError, match=r"source differs: generator\.layers\.0\.weight"):
        begin_with(system, str(source.path), {"strict": True})


def test_sources_that_are_none_are_refused(tiny, source, tmp_path):
    system = system_of(tiny, source)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("notes")
    shutil.copy(source.generator_file, "cut.safetensors")
    Path("cut.safetensors").write_bytes(source.generator_file.read_bytes()[:500])
    weights = load_file(source.generator_file)
    save_file({"other.weight": torch.zeros(3)}, "other.safetensors")
    save_file({name: value * torch.nan for name, value in weights.items() if "weight" in name}, "nan.safetensors")
    for path, problem in (
        ("nowhere", "there is no run folder and no file nowhere; of the Hub: hub:owner/name"),
        ("empty", "not a run folder"),
        ("notes.txt", "no run folder, no checkpoint"),
        ("cut.safetensors", "damaged"),
        ("other.safetensors", "of another family"),
        ("nan.safetensors", "not finite"),
    ):
        with pytest.raises(ConfigError, match=problem) as refused:
            begin_with(system, path, {})
        assert len(refused.value.problems) == 1
    with pytest.raises(ConfigError, match="no run folder and no file nowhere"):
        train(tiny_overrides("init_from=nowhere", "name=refused"))
    assert not Path("outputs").exists()


def facts(size, classes=0):
    return DataFacts(name="images", image_size=size, channels=3, num_classes=classes, num_images=10)


def test_networks_for_two_sizes_share_the_layers_of_the_same_feature_maps():
    options = {"channels": 8, "max_channels": 8}
    small, large = (StyleGAN2Discriminator(facts(size), **options) for size in (16, 32))
    fit = fitting(large, small.state_dict(), from_image=True)
    assert torch.equal(fit.taken["blocks.2.second.weight"], small.blocks[1].second.weight)
    assert not any(name.startswith("blocks.0.") for name in fit.taken)
    assert all("blocks.0." in line or "from_image" in line for line in fit.left)
    small, large = (StyleGAN2Generator(facts(size), 8, 8, **options, mapping_layers=1) for size in (16, 32))
    fit = fitting(large, small.state_dict(), from_image=False)
    assert all(line.startswith("blocks.3.") for line in fit.left)


def test_other_classes_keep_all_but_the_tables_of_classes():
    few, many = (
        StyleGAN2Generator(facts(16, classes), 8, 8, 8, 8, mapping_layers=1, conditional=True) for classes in (3, 10)
    )
    fit = fitting(many, few.state_dict(), from_image=False)
    assert fit.left == ["mapping_network.embedding.weight ((8, 3) there, (8, 10) here)"]


def test_a_killed_run_goes_on_from_its_checkpoint_and_not_from_the_source(fit, tiny, source, monkeypatch):
    overrides = (f"init_from={source.path}", "freeze.discriminator=1", "freeze.generator=['layers.0']")
    whole = fit("metrics.every=32", *overrides, folder="whole")
    original = GAN.step

    def killed(self, batch):
        if self.clock.images_seen == 40:
            raise RuntimeError("killed")
        original(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "step", killed)
        with pytest.raises(RuntimeError, match="killed"):
            fit("metrics.every=32", *overrides, folder="resumed")
    shutil.rmtree(source.path)
    assert_same_run(whole, fit("metrics.every=32", *overrides, folder="resumed"))
    record = json.loads(whole.record_file.read_text())
    assert record["init_from"]["hashes"].keys() == {"generator", "discriminator"}
    with pytest.raises(ConfigError, match="there is no"):
        fit("metrics.every=32", *overrides, folder="again")


def test_a_sweep_over_sources_is_compared_by_them(source, tmp_path):
    overrides = tiny_overrides("metrics.every=64", "metrics.samples=40", f"init_from=null,{source.path}")
    with pytest.raises(ConfigError, match="init_from: there is no run folder and no file nowhere"):
        train([*overrides[:-1], "init_from=null,nowhere", "hydra.sweep.dir=study"], sweep=True)
    assert not Path("study").exists()
    runs = train([*overrides, "hydra.sweep.dir=study"], sweep=True)
    assert [run.status for run in runs] == ["finished"] * 2
    assert [run.record.get("init_from", {}).get("source") for run in runs] == [None, str(source.path)]
    comparison = compare("study")
    assert comparison.design.factors == ("init_from",)
    assert {arm.label for arm in comparison.arms} == {"null", str(source.path)}
    changed = runs[1].record["init_from"] | {"hashes": {"generator": "0"}}
    shutil.copytree(runs[1].folder, "study/other")
    RunFolder(Path("study/other")).update_record(init_from=changed)
    RunFolder(Path("study/other")).write_config({**runs[1].config, "seed": 1})
    assert any("began with different weights" in line for line in compare("study").warnings)
