import os
import random
import signal
import time

import pytest
import torch
from processes import command
from same_run import assert_same_run
from tiny import LARGE, TINY

from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.networks import projected
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.reached import REACHED, Reached
from gan_experiments.runs.stop_rule import StopRule, write_rule
from gan_experiments.training.callbacks.checkpoint import Checkpoint
from gan_experiments.training.train import fit as fit_run
from gan_experiments.training.train import prepare, train

LONG = ("budget.images=40000", "callbacks.checkpoint.every=3000", "callbacks.monitor.every=700", "metrics.every=4000")


def start(tmp_path, *overrides):
    return command("train", *TINY, *overrides, f"output_dir={tmp_path}", folder=tmp_path)


def finish(process):
    return process.wait(), process.log.read_text()


def find(tmp_path, name):
    (path,) = tmp_path.glob(f"*/{name}")
    return RunFolder(path)


def last_row(tmp_path):
    """Read the clock that the run has logged last."""
    return [path.read_text()[-40:] for path in tmp_path.glob("*/killed/metrics.csv")]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    often = (
        "budget.images=2400",
        "callbacks.checkpoint.every=900",
        "callbacks.monitor.every=208",
        "metrics.every=1200",
    )
    code, err = finish(start(tmp_path, *often, "name=whole"))
    assert code == 0, err
    moments, kills, code = random.Random(), 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        before = last_row(tmp_path)
        process = start(tmp_path, *often, "name=killed")
        while kills < 3 and process.poll() is None and last_row(tmp_path) == before:
            time.sleep(0.02)
        if kills < 3:
            time.sleep(moments.uniform(0.0, 0.3))
            process.kill()
        code, err = finish(process)
        kills += code == -signal.SIGKILL
    assert code == 0, err
    assert kills == 3
    assert_same_run(find(tmp_path, "whole"), find(tmp_path, "killed"))
    assert find(tmp_path, "killed").record()["status"] == "finished"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_first_and_says_how_to_go_on(tmp_path, number):
    process = start(tmp_path, *LONG, "name=stopped")
    while not list(tmp_path.glob("*/stopped/samples/*")):
        assert process.poll() is None, process.log.read_text()
        time.sleep(0.05)
    process.send_signal(number)
    code, err = finish(process)
    run = find(tmp_path, "stopped")
    record = run.record()
    assert code == 128 + number
    assert record["status"] == "interrupted"
    assert 0 < record["images_seen"] == load_checkpoint(run.checkpoint("last"))["images_seen"] < 40000
    assert f"gan-train resume={run.path.relative_to(tmp_path)}" in err
    assert "Traceback" not in err


MOVING = [
    "ramps={gamma: {keys: [penalty.r1.weight], to: 0.1, end: 350}, average: {keys: [ema.half_life], to: 350, end: 400},"
    " betas: {keys: ['optimizer.generator.betas[1]', 'optimizer.discriminator.betas[0]'], to: 0.9}}",
    "ema.start=100",
    "ema.rampup=0.3",
    "penalty=[r1,historical_averaging]",
    "model.generator.norm=virtual",
]


@pytest.mark.parametrize(
    "model",
    [[], pytest.param(["model=sagan", "conditioning=acgan"], marks=pytest.mark.slow), MOVING],
    ids=["dcgan", "conditional sagan", "ramps"],
)
def test_a_run_stopped_in_the_middle_of_everything_ends_with_the_same_bits(tiny, tmp_path, monkeypatch, model):
    """Stopped between two events, so that means, grids and rows are cut in half as well."""
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    budget = ("budget.images=416", "callbacks.monitor.every=96", "callbacks.checkpoint.every=200", "d_steps=3")
    config = tiny(*budget, *model)
    assert train(config, whole) == 0
    from gan_experiments.systems.gan import GAN

    step = GAN.step
    for at in (48, 328):

        def stop_once(self, batch, at=at):
            step(self, batch)
            if self.clock.images_seen == at:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(GAN, "step", stop_once)
        assert train(config, stopped) == 128 + signal.SIGTERM
        assert load_checkpoint(stopped.checkpoint("last"))["images_seen"] == at
        assert stopped.record()["seconds"] > 0  # also before the first row
    monkeypatch.setattr(GAN, "step", step)
    assert train(config, stopped) == 0
    assert_same_run(whole, stopped)


def test_a_finished_run_that_was_not_marked_so_is_only_marked(fit, tiny):
    run = fit()
    before = run.checkpoint("last").read_bytes()
    final, seconds = run.record()["final"], run.record()["seconds"]
    run.update_record(status="running", final=None, seconds=0.0)
    fit()
    assert run.record()["status"] == "finished"
    assert run.record()["final"] == final
    assert run.record()["seconds"] == seconds
    assert run.checkpoint("last").read_bytes() == before


def test_a_run_that_its_rule_stops_stays_stopped_until_the_rule_is_deleted(fit, tiny, tmp_path):
    write_rule(RunFolder(tmp_path / "run"), StopRule("fid", False, True, 1e-9, "hinge", [(0.5, 0.0)]))
    run = fit("metrics.every=16")
    record = run.record()
    assert (record["status"], record["images_seen"]) == ("stopped", 32)
    assert record["stopped"]["bound"] == record["stopped"]["value"] > 0
    assert record["reason"].startswith("FID ")
    assert not record["final"]
    run.update_record(status="running", stopped=None)  # as if it had been killed then
    fit("metrics.every=16")
    assert {key: run.record()[key] for key in ("status", "images_seen", "stopped", "reason")} == {
        key: record[key] for key in ("status", "images_seen", "stopped", "reason")
    }
    run.write_config(tiny("metrics.every=16"))
    with pytest.raises(ConfigError, match=r"stop_rule\.json says when to stop a run of the present length"):
        fit("metrics.every=16", "budget.images=128")
    run.rule_file.unlink()
    fit("metrics.every=16")
    assert (run.record()["status"], run.record()["images_seen"], run.record()["stopped"]) == ("finished", 64, None)


@pytest.mark.parametrize(
    ("part", "named"),
    [("weights", "loss/discriminator, .* at step 7"), ("gradient", "gradient_norm/generator .* at step 6")],
)
def test_divergence_is_named_and_the_last_good_checkpoint_kept(fit, tmp_path, monkeypatch, part, named):
    from gan_experiments.systems.gan import GAN

    minimize = GAN._minimize

    def poisoned(self, loss, optimizer):
        weight = next(self.generator.parameters())
        now = self.clock.step == 6 and weight.requires_grad
        if now and part == "gradient":
            loss = loss + (weight.sum() * 0).sqrt()  # adds 0; its derivative is 0 * infinity
        minimize(self, loss, optimizer)
        if now and part == "weights":
            with torch.no_grad():
                weight.fill_(float("nan"))

    monkeypatch.setattr(GAN, "_minimize", poisoned)
    with pytest.raises(DivergedError, match=named):
        fit()
    run = RunFolder(tmp_path / "run")
    record = run.record()
    assert record["status"] == "diverged"
    assert "no longer finite" in record["reason"]
    checkpoint = load_checkpoint(run.checkpoint("last"))
    assert checkpoint["images_seen"] == 32
    assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())


def test_what_fails_is_recorded_with_its_reason(fit, tmp_path, monkeypatch):
    def full(self, trainer, improved=False):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Checkpoint, "save", full)
    with pytest.raises(OSError, match="No space"):
        fit()
    record = RunFolder(tmp_path / "run").record()
    assert record["status"] == "failed"
    assert "No space left on device" in record["reason"]
    assert "Traceback" in record["traceback"]


def test_a_full_disk_says_so_even_if_the_record_cannot_be_written(fit, tmp_path, monkeypatch):
    full = OSError(28, "No space left on device")

    def fail(*_, **__):
        monkeypatch.setattr("gan_experiments.runs.folder.write_json", fail)
        raise full

    monkeypatch.setattr(Checkpoint, "save", fail)
    with pytest.raises(OSError, match="No space") as raised:
        fit()
    assert raised.value is full
    assert RunFolder(tmp_path / "run").record()["status"] == "running"


def test_the_record_says_what_the_result_depends_on(fit):
    record = fit().record()
    assert record["status"] == "finished"
    assert record["dataset"]["name"] == "digits"
    assert record["final"].keys() == {"fid", "is"}
    assert all(
        each.keys() >= {"value", "margin", "real_baseline", "higher_is_better"} for each in record["final"].values()
    )
    assert record["evaluation"]["samples"] == 60
    assert record["evaluation"]["extractors"]["native"]["weights"]
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]
    assert record["parameters"]["generator"] > 0
    assert record["steps"] == {"discriminator": 8, "generator": 8}


def test_pretrained_networks_are_in_the_record_and_stay_the_same(fit, tiny, monkeypatch):
    chosen = ["model=projected_gan", *LARGE["projected_gan"], "metrics=none", "batch_size=2", "budget.images=4"]
    run = fit(*chosen, "penalty=none")
    assert list(run.record()["pretrained"]) == ["discriminator.backbone"]
    assert not [name for name in load_checkpoint(run.checkpoint("last"))["state_dict"] if "backbone" in name]
    prepare(tiny(*chosen, "penalty=none"), run)
    monkeypatch.setattr(projected, "derive_seed", lambda *_: 7)
    with pytest.raises(ConfigError, match=r"discriminator\.backbone: its weights are not those that the run has been"):
        prepare(tiny(*chosen, "penalty=none"), run)


WRONG = {
    "a batch larger than the data": (["batch_size=4096"], "4096 is larger than the dataset"),
    "a part larger than the data": (["dataset.limit=4000"], "4000"),
    "a batch that processes cannot share": (["trainer=ddp_cpu", "batch_size=9"], "cannot be divided among 2"),
    "too few generated images": (["metrics=[native,kid]", "metrics.features.kid.subset_size=50"], "40 generated"),
    "too few real images": (["metrics.extractors.native.width=500", "dataset=polygons", "dataset.num_images=1",
                             "dataset.image_size=8", "batch_size=1"], "1 images in polygons are too few"),
    "no image left out for a measure": (["metrics=[native,memorization]"], "leave some out with dataset.limit="),
    "a measure of another dataset": (["metrics=[native,known_distribution]"], "distribution of digits is not known"),
    "a measure that needs labels": (["metrics=[native,class_fid]"], "needs labels; the generated images have none"),
    "missing weights": (["metrics=[native,torchvision]", "metrics.weights=absent.pth"], "absent.pth"),
    "a missing folder": (["dataset=image_folder", "dataset.root=absent"], "absent"),
    "a missing archive": (["dataset=image_archive", "dataset.path=absent.zip"], "absent.zip"),
    "missing shards": (["dataset=shards", "dataset.urls=absent.tar"], "absent.tar"),
    "an image size that the network cannot make": (["dataset=polygons", "dataset.image_size=9"], "8, 16, 28, 32, 64"),
    "classes of images without labels": (["dataset=polygons", "dataset.image_size=8", "conditioning=projection"],
                                         "has no labels"),
    "a strategy that does not exist": (["trainer.strategy=fastest"], "trainer: .*fastest"),
    "a precision that does not exist": (["trainer.precision=7-mixed"], "trainer: .*7-mixed"),
}  # fmt: skip


@pytest.mark.parametrize(("overrides", "problem"), WRONG.values(), ids=WRONG)
def test_what_data_and_machine_refuse_is_refused_before_there_is_a_folder(tiny, tmp_path, overrides, problem):
    run = RunFolder(tmp_path / "day" / "run")
    with pytest.raises(ConfigError, match=problem):
        prepare(tiny(*overrides), run)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_refused_before_there_is_a_folder(tiny, tmp_path):
    with pytest.raises(ConfigError, match="torch sees no GPU"):
        prepare(tiny("trainer=gpu"), RunFolder(tmp_path / "run"))
    assert list(tmp_path.iterdir()) == []


def test_preparing_a_run_writes_nothing_and_reads_the_data_once(tiny, tmp_path, monkeypatch):
    from gan_experiments.data.datasets.digits import Digits

    load, loaded = Digits.load, []
    monkeypatch.setattr(Digits, "load", lambda self: (loaded.append(self), load(self))[1])
    run, config = RunFolder(tmp_path / "run"), tiny()
    parts = prepare(config, run)
    assert list(tmp_path.iterdir()) == []
    assert fit_run(parts, config, run) == 0
    assert run.record()["status"] == "finished"
    assert loaded == [parts.data]


def test_a_damaged_checkpoint_is_refused_before_anything_is_written(tiny, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.checkpoint("last").parent.mkdir(parents=True)
    run.checkpoint("last").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match=r"last\.ckpt"):
        prepare(tiny(), run)
    assert [path.name for path in run.path.rglob("*")] == ["checkpoints", "last.ckpt"]


@pytest.mark.parametrize("kind", [list, tuple])
def test_betas_of_a_checkpoint_may_be_a_list_or_a_tuple(tiny, tmp_path, kind):
    """Which of them Adam keeps depends on the version of torch, and a ramp sets a tuple."""
    run, config = RunFolder(tmp_path), tiny("model=mlp", "metrics=none", "budget.images=16")
    train(config, run)
    checkpoint = load_checkpoint(run.checkpoint("last"))
    for state in checkpoint["optimizer_states"]:
        for group in state["param_groups"]:
            group["betas"] = kind(group["betas"])
    torch.save(checkpoint, tmp_path / "changed")  # the tensors are still read from the file of the checkpoint
    (tmp_path / "changed").replace(run.checkpoint("last"))
    config["budget"]["images"] = 24
    assert train(config, run) == 0
    assert run.record()["images_seen"] == 24


def test_the_record_has_the_weight_that_was_chosen(fit):
    run = fit("model=mlp", "metrics=none", "penalty=r1", "penalty.r1.weight=auto", "budget.images=16")
    assert run.record()["resolved"] == {"penalty.r1.weight": pytest.approx(0.0002 * 8**2 / 8)}


def test_a_new_run_says_what_its_command_has_reached(fit, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(REACHED, "model=mlp", Reached("fid", 1.5, 100_000, 3))
    for overrides in (["model=mlp", "seed=3"], ["model=mlp", "batch_size=8"]):
        RunFolder(tmp_path / overrides[1]).update_record(overrides=overrides)
        fit("model=mlp", "metrics=none", "budget.images=8", folder=overrides[1])
        said = "this command has reached FID 1.5 after 100,000 images (3 seeds) before\n" in capsys.readouterr().err
        assert said == (overrides[1] == "seed=3")
