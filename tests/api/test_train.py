import signal
from pathlib import Path

import pytest
import torch
from tiny import tiny_overrides

from gan_experiments.api.compose import compose
from gan_experiments.api.run import Run
from gan_experiments.api.train import train
from gan_experiments.cli import train as command
from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import HeldError, RunFolder
from gan_experiments.runs.summary import after_divergence
from gan_experiments.systems.gan import GAN
from gan_experiments.training import train as training

from .test_state import state


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def weights(run):
    return load_checkpoint(run.files.checkpoint("last"))["state_dict"]


def assert_same_weights(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_a_run_is_that_of_the_command(call):
    overrides = tiny_overrides("metrics=none", "loss=hinge", "seed=2")
    run = train(overrides)
    record = run.record
    assert (run.status, record["overrides"], record["choices"]["loss"]) == ("finished", overrides, "hinge")
    code, out, err = call(command, *overrides)
    assert (code, f"{run.folder} is finished" in out) == (0, True), err
    code, _, err = call(command, *overrides, "rerun=true")
    assert code == 0, err
    assert_same_weights(run, Run(f"{run.folder}-2"))


def test_a_finished_run_is_not_trained_again():
    overrides = tiny_overrides("metrics=none")
    run = train(overrides)
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    assert train(overrides).folder == run.folder
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before


def test_a_composed_config_is_the_same_run_and_an_edited_one_another():
    config = compose(tiny_overrides("metrics=none"))
    run = train(config)
    assert train(tiny_overrides("metrics=none")).folder == run.folder
    config["seed"] = 4
    edited = train(config)
    assert edited.folder != run.folder
    assert edited.config["seed"] == 4
    assert "seed=4" in edited.record["overrides"]
    assert_same_weights(edited, train(tiny_overrides("metrics=none", "seed=4", "name=again")))


@pytest.fixture
def heeds_ctrl_c():
    """Let this process be interrupted, which a shell ignores of what it runs in the background."""
    original = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, original)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_saves_and_the_same_call_goes_on(monkeypatch, capsys):
    overrides = tiny_overrides("metrics=none")
    original = GAN.step

    def interrupt(self, batch):
        if self.clock.images_seen == 24:
            signal.raise_signal(signal.SIGINT)
        original(self, batch)

    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(GAN, "step", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(overrides)
    assert state() == before
    assert "the same call goes on" in capsys.readouterr().err
    (folder,) = Path("outputs").glob("*/*")
    assert Run(folder).status == "interrupted"
    assert Run(folder).record["images_seen"] == 32
    run = train(overrides)
    assert (run.folder, run.status) == (folder, "finished")
    assert_same_weights(run, train([*overrides, "name=other"]))


def test_the_state_of_the_process_is_kept():
    before = state()
    train(tiny_overrides("metrics=none", "trainer.deterministic=true"))
    assert state() == before


@pytest.mark.parametrize(
    ("overrides", "problems"),
    [
        (["model=dcgn", "batch_size=abc"], ["model: no option 'dcgn'", "batch_size: 'abc'"]),
        (["trainer=ddp_cpu"], ["trainer.devices: 2 on 1 node: a run of several processes"]),
        (["batch_size=100000"], ["batch_size: 100000"]),
        (["resume=nowhere"], ["nowhere: not a run folder"]),
    ],
)
def test_nothing_is_written_for_what_cannot_run(overrides, problems):
    with pytest.raises(ConfigError) as error:
        train(overrides)
    assert len(error.value.problems) == len(problems)
    for problem in problems:
        assert any(line.startswith(problem) for line in error.value.problems), error.value.problems
    assert not Path("outputs").exists()


def test_a_run_that_is_being_trained_is_left_alone():
    run = train(tiny_overrides("metrics=none", "name=held"))
    run.files.update_record(status="running")
    with run.files.lock(), pytest.raises(HeldError):
        train(tiny_overrides("metrics=none", "name=held"))


@pytest.mark.parametrize("status", ["finished", "interrupted"])
def test_what_another_process_trains_while_this_one_prepares_is_kept(monkeypatch, status):
    overrides, prepare = tiny_overrides("metrics=none", "name=both"), training.prepare

    def outrun(config, folder):
        parts = prepare(config, folder)
        monkeypatch.setattr(training, "prepare", prepare)
        train(overrides)
        folder.update_record(status=status)
        kept.update({path: path.read_bytes() for path in (folder.metrics_file, folder.checkpoint("last"))})
        return parts

    kept = {}
    monkeypatch.setattr(training, "prepare", outrun)
    if status == "finished":
        assert train(overrides).status == "finished"
    else:
        with pytest.raises(HeldError, match="another process has trained this run"):
            train(overrides)
    assert len(kept) == 2
    assert all(path.read_bytes() == content for path, content in kept.items())


def test_a_run_that_diverges_says_so():
    with pytest.raises(DivergedError) as error:
        train(tiny_overrides("metrics=none", "name=lost", "optimizer.discriminator.lr=1e30"))
    (folder,) = Path("outputs").glob("*/lost")
    assert Run(folder).status == "diverged"
    assert f"the run is in {folder}; " in str(error.value)
    assert str(error.value).endswith(f"gan-diagnose run={folder} checkpoint=start")
    with pytest.raises(ConfigError, match=r"last.ckpt: no such checkpoint; of this run there is: start$"):
        Run(folder).diagnose()
    RunFolder(folder).checkpoint("last").parent.mkdir(exist_ok=True)
    RunFolder(folder).checkpoint("last").touch()
    assert after_divergence(RunFolder(folder)).endswith(f"gan-diagnose run={folder}")


def test_a_sweep_needs_overrides():
    with pytest.raises(ConfigError, match="overrides"):
        train(compose(), sweep=True)


def test_every_combination_of_a_sweep_is_checked():
    with pytest.raises(ConfigError) as error:
        train(["model.generator.channels=8,0", "model.discriminator.norm=bat,batch", "seed=0,1"], sweep=True)
    assert len(error.value.problems) == 2
    assert not Path("outputs").exists()


@pytest.mark.slow
def test_a_sweep_returns_its_runs(call):
    overrides = tiny_overrides("loss=hinge,wasserstein", "seed=range(0,2)", "hydra.sweep.dir=outputs/study")
    before = state()
    runs = train(overrides, sweep=True)
    assert state() == before
    assert [run.status for run in runs] == ["finished"] * 4
    assert [(run.record["choices"]["loss"], run.config["seed"]) for run in runs] == [
        ("hinge", 0), ("hinge", 1), ("wasserstein", 0), ("wasserstein", 1)
    ]  # fmt: skip
    times = [run.files.record_file.stat().st_mtime_ns for run in runs]
    assert [run.files.record_file.stat().st_mtime_ns for run in train(overrides, sweep=True)] == times
    code, out, _ = call(command, "-m", *overrides)
    assert (code, "4 skipped" in out) == (0, True)
