import json
import shutil

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from same_run import assert_same

from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.training.callbacks import checkpoint


def test_best_is_the_checkpoint_of_the_best_row(fit):
    run = fit("metrics.every=8", "budget.images=160")
    best = run.record()["best"]
    assert load_checkpoint(run.checkpoint("best"))["images_seen"] == best["images_seen"]
    with run.metrics_file.open() as file:
        header, *lines = [line.rstrip("\n").split(",") for line in file]
    column, clock = header.index("metrics/fid"), header.index("images_seen")
    fids = {int(line[clock]): float(line[column]) for line in lines if line[column]}
    assert min(fids, key=fids.get) == best["images_seen"]
    assert load_checkpoint(run.checkpoint("last"))["images_seen"] == 160


def test_nothing_but_whole_files_is_left(fit):
    run = fit()
    assert sorted(path.name for path in run.checkpoint("last").parent.iterdir()) == ["best.ckpt", "last.ckpt"]
    assert not list(run.path.rglob("*.tmp"))


def test_a_checkpoint_is_plain_data(fit):
    torch.load(fit().checkpoint("last"), weights_only=True)


def test_the_exported_generator_is_the_average_with_its_architecture(fit):
    run = fit()
    checkpoint = load_checkpoint(run.checkpoint("last"))
    weights = load_file(run.generator_file)
    for name, value in weights.items():
        assert torch.equal(value, checkpoint["state_dict"][f"ema.module.{name}"])
    with safe_open(run.generator_file, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["architecture"])["latent_dim"] == 12
    assert json.loads(metadata["facts"])["image_size"] == 8
    assert metadata["images_seen"] == "64"


def test_a_file_system_without_hard_links_gets_a_copy(fit, monkeypatch):
    def refuse(*_):
        raise OSError("not supported")

    monkeypatch.setattr("os.link", refuse)
    copied = []
    monkeypatch.setattr(shutil, "copyfile", lambda *paths, copy=shutil.copyfile: copied.append(copy(*paths)))
    assert load_checkpoint(fit().checkpoint("best"))["images_seen"] in (32, 64)
    assert copied


def test_minutes_without_a_checkpoint_save_one_and_draw_the_samples(fit, monkeypatch):
    """The weights are those of a run that saves at its end only."""
    never = ("callbacks.checkpoint.every=64", "callbacks.samples.every=64")
    usual = fit(*never)
    saved = []
    save = checkpoint.Checkpoint.save
    monkeypatch.setattr(checkpoint.Checkpoint, "save", lambda self, *more: saved.append(self) or save(self, *more))
    run = fit(*never, "callbacks.checkpoint.max_minutes=1e-9", folder="slow")
    assert len(saved) == 8
    assert len(list(run.samples.glob("0*.png"))) == 1 + 8
    assert_same(*(load_checkpoint(each.checkpoint("last"))["state_dict"] for each in (run, usual)))
