import json
import re
import signal

import pytest

import gan_experiments
from gan_experiments.api.diagnose import Diagnosis, Trial, diagnose
from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.runs.checkpoints import load_checkpoint

ORBIT = (
    "dataset=dirac", "optimizer=sgd", "penalty=none", "loss=wasserstein", "optimizer.generator.lr=0.1", "batch_size=8",
    "optimizer.discriminator.lr=0.1", "budget.images=4096", "callbacks.monitor.every=64", "metrics.every=4096",
    "optimizer.schedule.kind=linear", "optimizer.schedule.start=4000", "callbacks.checkpoint.every=2048",
    "callbacks.samples.every=4096", "~callbacks.progress", "ramps.beta={keys: [ema.half_life], to: 20}",
)  # fmt: skip


@pytest.fixture(scope="module")
def orbiting(tmp_path_factory):
    """Train a run that orbits the equilibrium of the Dirac-GAN, and keep the checkpoint of its middle."""
    from gan_experiments.training.callbacks.checkpoint import Checkpoint

    folder = tmp_path_factory.mktemp("orbit")
    middle, save = folder / "middle.ckpt", Checkpoint.save

    def keep(self, trainer, improved=False):
        save(self, trainer, improved)
        if not middle.exists():
            middle.write_bytes(self._run.checkpoint("last").read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", keep)
        run = gan_experiments.train([*ORBIT, f"output_dir={folder}"])
    return run, middle


def content(run):
    return {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_replay_repeats_the_run_and_changes_show_what_helps(orbiting, tmp_path):
    run, middle = orbiting
    before, said = content(run), []
    found = diagnose(run, 2048, str(middle), say=said.append)
    assert content(run) == before
    assert (found.start, found.rows, found.difference) == (2048, 32, "")
    trials = {trial.name: trial for trial in found.trials}
    assert next(iter(trials)) == "as it was"
    assert trials["as it was"].failures == ("oscillation",)
    assert trials["r1 added"].survives
    assert trials["half the batch"].changes == {"batch_size": 4}
    assert trials["half the rates"].changes == dict.fromkeys(
        ("optimizer.generator.lr", "optimizer.discriminator.lr"), 0.05
    )
    assert "r1 added" in found.verdict
    count = len(trials)
    assert re.fullmatch(
        rf"{count} replays of 2,048 images each, which takes about [\d:]+ here \({count * 2048:,} images at [\d,]+/s\)",
        said[0],
    )
    names = [line.partition(": ")[0] for line in said[1:]]
    assert names == [f"{index} of {count}, {name}" for index, name in enumerate(trials, 1)]
    assert all(re.search(r" · \d+:\d\d left$", line) for line in said[1:])
    assert said[-1].endswith(" · 0:00 left")
    files = found.write(tmp_path)
    assert json.loads(files[0].read_text())["trials"][0]["survives"] is False
    assert "| as it was |" in files[1].read_text()
    assert "bit for bit: 32 rows" in files[1].read_text()


def test_a_replay_that_differs_says_where(orbiting):
    run, middle = orbiting
    text = run.files.metrics_file.read_text()
    lines = text.splitlines()
    column = lines[0].split(",").index("loss/generator")
    index = next(i for i, line in enumerate(lines) if line.startswith("2112,"))
    cells = lines[index].split(",")
    cells[column] = "0.5"
    run.files.metrics_file.write_text("\n".join([*lines[:index], ",".join(cells), *lines[index + 1 :], ""]))
    try:
        found = diagnose(run, 128, str(middle), only=["half the rates"])
    finally:
        run.files.metrics_file.write_text(text)
    assert found.difference.startswith("loss/generator at 2,112 images: 0.5 in the run, ")
    assert [trial.name for trial in found.trials] == ["as it was", "half the rates"]


def test_rates_of_the_optimizers_are_halved_from_the_first_step(orbiting, tmp_path):
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training.counterfactuals import write_start

    run, middle = orbiting
    folder, changes = RunFolder(tmp_path), {"optimizer.generator.lr": 0.05, "optimizer.generator.momentum": 0.5}
    write_start(folder, run.files, load_checkpoint(middle), changes, run.config)
    groups = [state["param_groups"][0] for state in load_checkpoint(folder.checkpoint("last"))["optimizer_states"]]
    assert [(group["initial_lr"], group["lr"], group["momentum"]) for group in groups] == [
        (0.1, 0.1, 0.0),
        (0.05, 0.05, 0.5),
    ]


def test_a_run_can_be_replayed_from_its_first_step(orbiting):
    run, _ = orbiting
    found = diagnose(run, 256, "start", only=[])
    assert (found.start, found.rows, found.difference) == (0, 4, "")
    assert [trial.name for trial in found.trials] == ["as it was"]


def test_a_run_that_diverges_survives_with_smaller_rates_only(tmp_path):
    rates = [f"optimizer.{name}.lr=1.9" for name in ("generator", "discriminator")]
    momenta = [f"optimizer.{name}.momentum=0.9" for name in ("generator", "discriminator")]
    given = [line for line in ORBIT if "lr=" not in line and "checkpoint" not in line]
    with pytest.raises(DivergedError):
        gan_experiments.train([*given, *rates, *momenta, "callbacks.checkpoint.every=64", f"output_dir={tmp_path}"])
    run = gan_experiments.load_run(next(tmp_path.glob("*/*")))
    found = run.diagnose(256)
    assert found.trials[0].failures[0] == "divergence"
    assert "no longer finite at step" in found.trials[0].reason


def test_a_run_that_diverges_at_once_is_replayed_without_an_estimate(orbiting, monkeypatch):
    def diverge(self):
        raise DivergedError("at step 1")

    monkeypatch.setattr("gan_experiments.training.speed._Stopwatch.advance", diverge)
    said = []
    diagnose(orbiting[0], 64, "start", only=[], say=said.append)
    assert said[0] == "1 replay of 64 images"
    assert said[1].startswith("1 of 1, as it was: ")


def test_ctrl_c_ends_the_estimate_as_it_ends_other_calls(orbiting, monkeypatch):
    advance = "gan_experiments.training.speed._Stopwatch.advance"
    monkeypatch.setattr(advance, lambda self: signal.raise_signal(signal.SIGINT))
    said = []
    with pytest.raises(KeyboardInterrupt):
        diagnose(orbiting[0], 64, "start", only=[], say=said.append)
    assert said == []


def test_replays_show_their_progress_if_they_are_asked_to(orbiting, capsys):
    diagnose(orbiting[0], 64, "start", only=[])
    assert capsys.readouterr().err == ""
    diagnose(orbiting[0], 64, "start", only=[], bar=True)
    assert "64/64 images" in capsys.readouterr().err


def test_what_a_run_cannot_have_is_refused(orbiting):
    run, _ = orbiting
    with pytest.raises(ConfigError, match="only: 'r1 x 2' is no change of this run"):
        diagnose(run, only=["r1 x 2"])
    with pytest.raises(ConfigError, match=r"no such checkpoint; of this run there is: last, best, start$"):
        diagnose(run, checkpoint="missing.ckpt")


def test_the_name_of_the_folder_is_text_on_the_page():
    trial = Trial("as it was", {}, (), "", {})
    page = Diagnosis("outputs/<img src=x>", [], 0, 8, 0, "", [trial]).markdown()
    assert page.startswith("# &lt;img src=x&gt;\n\nNo failure lasts 8 images")
