import os
import signal
import sys
from datetime import date
from pathlib import Path

import misbehaving
import pytest
import torch
import yaml
from processes import Forked, command_in_two
from same_run import assert_same, assert_same_run
from tiny import tiny_overrides

from gan_experiments.cli import train
from gan_experiments.core.types import DataFacts
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.results import scores
from gan_experiments.sweeps.fork_server import ForkServer


def only_run():
    (config,) = Path("outputs").glob("*/*/config.yaml")
    return RunFolder(config.parent)


@pytest.fixture
def finished(call):
    code, out, err = call(train, *tiny_overrides("name=first"))
    assert code == 0, err
    return only_run(), out


def test_a_run_ends_with_a_summary_and_every_file_of_the_design(finished):
    run, out = finished
    assert run.path == Path("outputs") / date.today().isoformat() / "first"
    told = ("64 images", "FID", "IS", "a perfect generator", "0000000064.png", "tensorboard --logdir")
    for part in (*told, str(run.path)):
        assert part in out
    files = {path.name for path in run.path.iterdir() if not path.name.startswith("events")}
    designed = {"config.yaml", "record.json", "metrics.csv", "checkpoints", "generator.safetensors", "samples"}
    assert files == designed | {".lock", ".record.lock"}


def test_the_same_command_again_says_where_the_run_is(finished, call):
    run, _ = finished
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    code, out, _ = call(train, *tiny_overrides("name=first"))
    assert code == 0
    assert "is finished" in out
    assert "FID" in out
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_rerun_trains_beside_it(finished, call):
    run, _ = finished
    code, _, err = call(train, *tiny_overrides("name=first", "rerun=true"))
    assert code == 0, err
    one, other = (load_checkpoint(folder.checkpoint("last")) for folder in (run, run_beside(run)))
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())


def run_beside(run):
    return RunFolder(run.path.with_name(f"{run.path.name}-2"))


def test_another_config_under_the_same_name_is_refused(finished, call):
    code, _, err = call(train, *tiny_overrides("name=first", "seed=5"))
    assert code == 2
    assert "seed: 0 in outputs" in err
    assert "5 here" in err


def test_a_resumed_run_keeps_its_config(finished, call):
    run, _ = finished
    code, _, err = call(train, f"resume={run.path}", "loss=hinge", "batch_size=16")
    assert code == 2
    assert "batch_size: 8 in the run, 16 here" in err
    assert "Hinge" in err


def test_resuming_a_finished_run_says_so(finished, call):
    run, _ = finished
    code, out, _ = call(train, f"resume={run.path}")
    assert code == 0
    assert "is finished" in out


def test_resuming_what_is_no_run_is_refused(call, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        code, _, err = call(train, f"resume={folder}")
        assert code == 2
        assert "not a run folder" in err
        assert not (tmp_path / "nowhere").exists()


def test_a_strangers_config_runs_no_code(finished, call, tmp_path):
    run, _ = finished
    config = yaml.safe_load(run.config_file.read_text())
    config["loss"] = {"_target_": "os.system", "command": "touch evil"}
    config["trusted"] = ["os"]
    run.config_file.write_text(yaml.safe_dump(config))
    run.update_record(status="interrupted")
    for arguments in ((f"resume={run.path}",), ("--config-dir", str(run.path), "--config-name", "config", "name=x")):
        code, _, err = call(train, *arguments)
        assert code == 2
        assert "loss._target_" in err
        assert "os.system" in err
    assert not (tmp_path / "evil").exists()


def test_a_damaged_checkpoint_is_refused_and_kept(finished, call):
    run, _ = finished
    run.update_record(status="running")
    last = run.checkpoint("last")
    last.write_bytes(last.read_bytes()[:1000])
    table = run.metrics_file.read_text()
    code, _, err = call(train, f"resume={run.path}")
    assert code == 2
    assert "last.ckpt: damaged" in err
    assert len(last.read_bytes()) == 1000
    assert run.metrics_file.read_text() == table


def test_the_saved_config_repeats_the_run(finished, call):
    run, _ = finished
    code, _, err = call(train, "--config-dir", str(run.path), "--config-name", "config", "name=again")
    assert code == 0, err
    again = RunFolder(run.path.with_name("again"))
    one, other = (load_checkpoint(folder.checkpoint("last")) for folder in (run, again))
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_said(call):
    code, _, err = call(train, *tiny_overrides("trainer=gpu"))
    assert code == 2
    assert "torch sees no GPU" in err


def test_a_batch_larger_than_the_dataset_is_refused(call):
    code, _, err = call(train, *tiny_overrides("batch_size=4096"))
    assert code == 2
    assert "4096 is larger than the dataset" in err


def test_every_folder_that_is_missing_is_said_before_the_first_job(call, tmp_path):
    (tmp_path / "here").mkdir()
    code, _, err = call(train, "-m", "dataset=image_folder", "dataset.root=here,gone,lost", "seed=1,2")
    assert code == 2
    assert err.count("dataset.root: there is no folder gone") == err.count("dataset.root: there is no folder lost") == 1
    assert "folder here" not in err
    assert not (tmp_path / "outputs").exists()


def test_a_size_the_network_cannot_make_is_refused(call, monkeypatch):
    from gan_experiments.data.datasets import digits

    monkeypatch.setattr(digits.Digits, "facts", property(lambda self: DataFacts("digits", 9, 1, 10)))
    code, _, err = call(train, *tiny_overrides())
    assert code == 2
    assert "8, 16, 28, 32, 64" in err


@pytest.mark.slow
def test_a_sweep_trains_each_job_in_a_folder_of_its_own_as_alone(call, fit, monkeypatch, new_processes):
    forks, fork = [], ForkServer.fork
    monkeypatch.setattr(ForkServer, "fork", lambda *arguments: forks.append(fork(*arguments)) or forks[-1])
    code, out, err = call(train, "-m", *tiny_overrides("seed=0,1", "metrics=none"))
    assert code == 0, err
    assert "2 jobs: 2 finished" in out
    assert len(forks) == (2 if sys.platform == "linux" else 0)
    runs = {run.read_config()["seed"]: run for run in map(RunFolder, filter(Path.is_dir, Path("outputs").glob("*/*")))}
    assert sorted(runs) == [0, 1]
    for seed, run in runs.items():
        assert run.path.name == run.read_config()["name"]
        alone = fit("metrics=none", f"seed={seed}", folder=f"alone-{seed}")
        one, other = (load_checkpoint(each.checkpoint("last")) for each in (run, alone))
        for part in ("state_dict", "optimizer_states"):
            assert_same(one[part], other[part])


def assert_same_weights(one, other):
    """Compare two runs of different numbers of processes: their sums round differently."""
    one, other = (load_checkpoint(run.checkpoint("last"))["state_dict"] for run in (one, other))
    for key, value in one.items():
        if key.startswith("projection."):  # of CUT: its vectors are divided by their lengths, and so is rounding error
            continue
        torch.testing.assert_close(other[key], value, rtol=0, atol=1e-6, msg=lambda text, key=key: f"{key}: {text}")


# Adam divides by the size of the gradient: where that is rounding error, so is the step. SGD shows the gradients.
PARALLEL = (
    *("batch_size=16", "optimizer.generator._target_=torch.optim.SGD", "~optimizer.generator.betas"),
    *("optimizer.discriminator._target_=torch.optim.SGD", "~optimizer.discriminator.betas"),
    *("optimizer.generator.lr=0.05", "optimizer.discriminator.lr=0.05"),
)


@pytest.mark.parametrize("penalty", ["none", "r1", "wgan_gp"])
def test_two_processes_train_the_run_of_one(call, tmp_path, penalty):
    assert_two_train_the_run_of_one(call, tmp_path, "model=mlp", f"penalty={penalty}")


# All of them normalize the batch in the generator, DCGAN in the discriminator as well.
NORMALIZED = {
    "dcgan": ["model=dcgan", "penalty=r1"],
    "sngan": ["model=sngan", "conditioning=projection", "loss=hinge", "penalty=none"],
    "biggan": [
        "model=biggan",
        "conditioning=projection",
        "loss=hinge",
        "penalty=none",
        "model.generator.embedding_dim=4",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("overrides", NORMALIZED.values(), ids=NORMALIZED)
def test_two_processes_normalize_the_batch_of_one(call, tmp_path, overrides):
    assert_two_train_the_run_of_one(call, tmp_path, *overrides)


COMPARED = (
    *("loss=relativistic_average", "model.discriminator.minibatch=discrimination"),
    *("penalty=feature_matching", "penalty.feature_matching.weight=0.1"),
    *("optimizer.generator.lr=0.02", "optimizer.discriminator.lr=0.02"),
)


@pytest.mark.parametrize(
    "overrides", [COMPARED, pytest.param(("loss=hinge", "model.microbatch=4"), marks=pytest.mark.slow)]
)
def test_two_processes_compare_the_batch_of_one(call, tmp_path, overrides):
    assert_two_train_the_run_of_one(call, tmp_path, "model=mlp", *overrides)


def assert_two_train_the_run_of_one(call, tmp_path, *overrides):
    overrides = tiny_overrides(*PARALLEL, *overrides, f"output_dir={tmp_path}")
    assert call(train, *overrides, "name=one")[0] == 0
    assert command_in_two("train", *overrides, "name=two", "trainer=ddp_cpu", folder=tmp_path) == [0, 0]
    one, two = (RunFolder(tmp_path / date.today().isoformat() / name) for name in ("one", "two"))
    assert_same_weights(one, two)
    assert two.record()["processes"] == 2
    assert scores(two.record()) == pytest.approx(scores(one.record()), rel=1e-4)


WITHOUT_NORM = ["model.generator.norm=none", "model.discriminator.norm=none"]
TRANSLATORS = {
    "cyclegan": ["model.cycle=1", "model.pool=20"],
    "pix2pix": ["model.l1=1"],
    "cut": ["optimizer.generator.lr=1e-4"],  # the gradient of a unit vector is large where the vector is small
    "fastcut": ["optimizer.generator.lr=1e-4", "model.nce=1"],
}


@pytest.mark.parametrize(
    "model", ["cyclegan", *(pytest.param(name, marks=pytest.mark.slow) for name in ("pix2pix", "cut", "fastcut"))]
)
def test_two_processes_train_the_translator_of_one(call, tmp_path, model):
    rates = [f"optimizer.{name}.lr=0.1" for name in ("generator", "discriminator")]
    assert_two_train_the_run_of_one(call, tmp_path, f"model={model}", *WITHOUT_NORM, *rates, *TRANSLATORS[model])


def test_two_processes_train_the_autoencoder_of_one(call, tmp_path):
    rate = ("optimizer.generator._target_=torch.optim.SGD", "~optimizer.generator.betas", "optimizer.generator.lr=1e-4")
    overrides = tiny_overrides("model=mlp_vae", "metrics=none", "batch_size=16", *rate, f"output_dir={tmp_path}")
    assert call(train, *overrides, "name=one")[0] == 0
    assert command_in_two("train", *overrides, "name=two", "trainer=ddp_cpu", folder=tmp_path) == [0, 0]
    assert_same_weights(*(RunFolder(tmp_path / date.today().isoformat() / name) for name in ("one", "two")))


@pytest.mark.slow
def test_a_run_that_one_process_began_two_can_end(tiny, tmp_path, monkeypatch):
    from gan_experiments.systems.gan import GAN
    from gan_experiments.training.train import train as train_run

    config = tiny("model=mlp", *PARALLEL)
    whole, half = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "half")
    half.write_config(config)
    train_run(config, whole)
    step = GAN.step

    def stop_at_32(self, batch):
        step(self, batch)
        if self.clock.images_seen == 32:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(GAN, "step", stop_at_32)
    train_run(config, half)
    assert half.record()["images_seen"] == 32
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", train)  # Lightning starts that again, in a new process
    monkeypatch.setattr(sys, "argv", [train.__file__, f"resume={half.path}", "trainer=ddp_cpu"])
    first = Forked(train.main, tmp_path / "log")
    assert first.wait() == 0, first.log.read_text()
    assert half.record()["images_seen"] == 64
    assert half.record()["processes"] == 2
    assert "overrides" not in half.record()  # those of the first command, which this run was not begun with
    assert_same_weights(whole, half)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "every", "at"),
    [(misbehaving.STOPPED, 200, 160), (misbehaving.STOPPED_IN_EVALUATION, 80, 80)],
    ids=["step", "evaluation"],
)
def test_two_processes_that_are_stopped_log_the_same_rows(tmp_path, seed, every, at):
    """After a step they stop where they agree on it, and in an evaluation at once, whichever receives the signal."""
    kill = ("+callbacks.misbehave._target_=misbehaving.Misbehave", "trusted=[misbehaving]")
    often = ("batch_size=8", "budget.images=240", "callbacks.monitor.every=112", "callbacks.checkpoint.every=240")
    two = ("trainer=ddp_cpu", f"seed={seed}", f"output_dir={tmp_path}", f"metrics.every={every}")
    overrides = tiny_overrides("model=mlp", *often, *kill, *two)
    whole, killed = (RunFolder(tmp_path / date.today().isoformat() / name) for name in ("whole", "killed"))
    whole.path.mkdir(parents=True)
    (whole.path / "misbehaved").touch()  # it does so once
    assert command_in_two("train", *overrides, "name=whole", folder=tmp_path) == [0, 0]
    assert command_in_two("train", *overrides, "name=killed", folder=tmp_path) == [128 + signal.SIGTERM] * 2
    assert load_checkpoint(killed.checkpoint("last"))["images_seen"] == at
    assert command_in_two("train", *overrides, "name=killed", folder=tmp_path) == [0, 0]
    assert_same_run(whole, killed)


@pytest.mark.parametrize(("trusted", "end"), [([], ""), (["mine", "ours"], " 'trusted=[mine,ours]'")])
def test_the_command_that_resumes_a_stopped_run_trusts_what_it_did(tmp_path, capsys, trusted, end):
    folder = RunFolder(tmp_path)
    folder.write_config({"trusted": ["claimed"]})
    folder.update_record(images_seen=1, budget={"images": 2})
    assert train._last_words(folder, 130, trusted) == 130
    assert capsys.readouterr().err.rstrip().endswith(f"gan-train resume={tmp_path}{end}")
