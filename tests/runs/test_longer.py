import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from same_run import assert_same, rows
from tiny import tiny_overrides

from gan_experiments.api.evaluate import evaluate
from gan_experiments.api.train import train
from gan_experiments.cli import diagnose as diagnose_command
from gan_experiments.cli import sample as sample_command
from gan_experiments.cli import train as command
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.longer import check_length, ends_with_budget, records_at_ends, reopened, said
from gan_experiments.runs.summary import summary
from gan_experiments.training.callbacks.evaluation import Evaluation

FALLS = {"optimizer": {"schedule": {"kind": "linear", "end": None}}, "ramps": {"a": {"end": None}, "b": {"end": 9}}}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def config(images, patience=None, **others):
    constant = {"optimizer": {"schedule": {"kind": "constant", "end": None}}}
    return {"budget": {"images": images}, "stop": {"patience": patience}, **constant, **others}


def write_images(folder, seed):
    folder.mkdir()
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{index}.png")


def files_of(run):
    return {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}


def assert_same_end(one, other):
    left, right = (load_checkpoint(run.files.checkpoint("last")) for run in (one, other))
    for part in ("state_dict", "optimizer_states", "callbacks", "statistics", "images_seen"):
        assert_same(left[part], right[part], part)
    assert_same(load_file(one.files.generator_file), load_file(other.files.generator_file))


def test_what_ends_with_the_budget_is_said():
    assert ends_with_budget(config(8, **FALLS)) == ["optimizer.schedule", "ramps.a"]
    assert ends_with_budget(config(8)) == []
    line = said(config(1000, **FALLS), config(2000, **FALLS), 1024)
    assert line.startswith("goes on from 1,024 images to 2,000 (before: 1,000); ")
    assert line.endswith("; optimizer.schedule, ramps.a ended there and now end at 2,000")


def test_the_results_of_the_earlier_end_are_kept_once():
    record = {"status": "finished", "images_seen": 64, "final": {"fid": 1}, "ended": "today", "seed": 3}
    fields = reopened(record, config(64, **FALLS), config(128, **FALLS))
    (end,) = fields["earlier_ends"]
    assert end["moved"] == ["optimizer.schedule", "ramps.a"]
    assert (end["budget.images"], end["images_seen"], end["final"], end["ended"]) == (64, 64, {"fid": 1}, "today")
    assert (end["status"], fields["final"]) == ("finished", None)
    assert reopened(record | fields, config(64), config(128))["earlier_ends"] == [end]


def test_a_length_that_trains_no_further_is_refused():
    check_length(config(64), config(65), {}, 64)
    for images in (63, 64):
        with pytest.raises(ConfigError, match=f"budget.images: {images} is not more than the 64 images"):
            check_length(config(128), config(images), {}, 64)
    early = {"finished_early": {"patience": 8}}
    check_length(config(64, 8), config(64, None), early, 16)
    check_length(config(64, 8), config(64, 9), early, 16)
    with pytest.raises(ConfigError, match=r"stop\.patience: 8: the run ended early with a patience of 8"):
        check_length(config(64, 8), config(128, 8), early, 16)


def test_a_longer_run_ends_with_the_bits_of_a_run_of_that_budget(call, caplog):
    overrides = tiny_overrides("augment=ada", "augment.ada.interval=1")
    longer = train([*overrides, "name=longer"])
    before = longer.record
    code, _, err = call(command, f"resume={longer.folder}", "budget.images=128")
    assert code == 0, err
    said = [line for line in caplog.messages if "goes on" in line]  # others depend on how fast the machine is
    assert said == [f"{longer.folder} goes on from 64 images to 128 (before: 64)"]
    whole = train([*overrides, "budget.images=128", "name=whole"])
    assert_same_end(longer, whole)
    assert longer.record["final"] == whole.record["final"]
    assert longer.record["best"] == whole.record["best"]
    assert (longer.status, longer.config["budget"]["images"]) == ("finished", 128)
    (end,) = records_at_ends(longer.record)
    assert (end["budget.images"], end["stop.patience"], end["earlier_ends"]) == (64, None, [])
    for key in (
        "status",
        "images_seen",
        "steps",
        "seconds",
        "peak_memory_bytes",
        "final",
        "best",
        "evaluation",
        "ended",
    ):
        assert end[key] == before[key]
    assert (end["seconds"], end["steps"]) != (longer.record["seconds"], longer.record["steps"])
    left, right = (
        [{key: row[key] for key in row if not key.startswith(("speed/", "final/"))} for row in rows(run.files)]
        for run in (longer, whole)
    )
    assert left == right


def test_a_run_whose_rates_are_whole_numbers_goes_on(call):
    overrides = tiny_overrides(
        "metrics=none", "optimizer=sgd", "optimizer.generator.lr=1", "optimizer.discriminator.lr=1"
    )
    longer = train([*overrides, "name=longer"])
    code, _, err = call(command, f"resume={longer.folder}", "budget.images=96")
    assert code == 0, err
    assert_same_end(longer, train([*overrides, "budget.images=96", "name=whole"]))


def test_schedules_that_end_with_the_budget_are_said_in_the_record(call, caplog):
    run = train(tiny_overrides("metrics=none", "optimizer.schedule.kind=linear", "name=falls"))
    code, _, err = call(command, f"resume={run.folder}", "budget.images=96")
    assert code == 0, err
    (said,) = [line for line in caplog.messages if "goes on" in line]
    assert said.endswith("optimizer.schedule ended there and now ends at 96")
    assert run.record["earlier_ends"][0]["moved"] == ["optimizer.schedule"]


def test_other_changes_of_a_resumed_run_are_refused_and_nothing_is_written(call):
    run = train(tiny_overrides("metrics=none", "name=kept"))
    before = files_of(run)
    for change, problem in (
        ("budget.images=32", "budget.images: 32 is not more than the 64 images that the run has seen"),
        ("seed=1", "seed: 0 in the run, 1 here"),
        ("~callbacks.samples", "callbacks.samples: {'_target_': "),
        ("dataset.root=/data", "dataset.root: the run's dataset has no such option (it reads no files)"),
    ):
        code, _, err = call(command, f"resume={run.folder}", "budget.images=128", change)
        assert (code, problem in err) == (2, True), err
        assert "Traceback" not in err
    assert files_of(run) == before


def test_a_run_without_a_better_value_ends_early_and_can_go_on(monkeypatch):
    overrides = tiny_overrides("budget.images=160", "metrics.every=16", "callbacks.monitor.every=48")
    monkeypatch.setattr(Evaluation, "_is_better", lambda self, value: not self.best)
    run = train([*overrides, "stop.patience=32", "name=early"])
    assert (run.status, run.record["images_seen"]) == ("finished", 48)
    assert run.record["finished_early"] == {"patience": 32, "best_at": 16, "images_seen": 48}
    assert run.record["final"]
    assert "ended early  no better evaluation for 32 images" in summary(run.files)
    before = files_of(run)
    train([*overrides, "stop.patience=32", "name=early"])
    assert files_of(run) == before
    run.files.update_record(status="running")  # killed after its last checkpoint
    train([f"resume={run.folder}"])
    assert (run.status, run.record["images_seen"], bool(run.record["final"])) == ("finished", 48, True)
    with pytest.raises(ConfigError, match="ended early with a patience of 32"):
        train([f"resume={run.folder}", "budget.images=320"])
    train([f"resume={run.folder}", "stop.patience=null"])
    assert (run.record["images_seen"], run.record["finished_early"]) == (160, None)
    assert_same_end(run, train([*overrides, "name=whole"]))


def test_a_moved_run_finds_its_data_if_they_are_the_same(call, tmp_path):
    write_images(tmp_path / "here", 0)
    options = ("dataset=image_folder", "dataset.root=here", "dataset.channels=1")
    run = train(tiny_overrides(*options, "metrics=none", "name=moved"))
    shutil.move("here", "there")
    hint = "; if the images of the run lie elsewhere now: dataset.root=..."
    code, _, err = call(command, f"resume={run.folder}")
    assert code == 0, err  # finished, so that no image is looked at
    code, _, err = call(command, f"resume={run.folder}", "budget.images=96")
    assert (code, f"  dataset.root: there is no folder here{hint}\n" in err) == (2, True), err
    code, _, err = call(diagnose_command, f"run={run.folder}")
    assert (code, f"  dataset.root: there is no folder here{hint}\n" in err) == (2, True), err
    write_images(tmp_path / "here", 1)
    code, _, err = call(command, f"resume={run.folder}", "budget.images=96")
    assert (code, "  dataset: other data than" in err, f"{hint}\n" in err) == (2, True, True), err
    shutil.rmtree("here")
    write_images(tmp_path / "other", 1)
    code, _, err = call(command, f"resume={run.folder}", "budget.images=96", "dataset.root=other")
    assert (code, "dataset.root: other data than the run was trained on" in err) == (2, True), err
    code, _, err = call(command, f"resume={run.folder}", "budget.images=96", "dataset.root=there")
    assert code == 0, err
    assert run.config["dataset"]["root"] == "there"
    shutil.move("there", "elsewhere")
    code, _, err = call(sample_command, f"run={run.folder}", "dataset.root=elsewhere", "file=sheet.png")
    assert code == 0, err
    assert Path("sheet.png").exists()
    code, _, err = call(sample_command, f"run={run.folder}", "dataset.root=other", "file=other.png")
    assert (code, "other data" in err) == (2, True), err
    assert evaluate(run.folder, ["dataset.root=elsewhere"], metrics="native", samples=40).values
    with pytest.raises(ConfigError, match="other data"):
        evaluate(run.folder, ["dataset.root=other"], metrics="native", samples=40)


def test_a_moved_translator_finds_both_domains(call, tmp_path):
    for seed, name in enumerate("ab"):
        write_images(tmp_path / name, seed)
    options = (
        "dataset=unpaired",
        "dataset.root_a=a",
        "dataset.root_b=b",
        "dataset.channels_a=1",
        "dataset.channels_b=1",
    )
    run = train(tiny_overrides("model=cut", *options, "metrics=none", "name=moved"))
    for name in "ab":
        shutil.move(name, f"new_{name}")
    hint = "dataset.root_b: there is no folder b; if the images of the run lie elsewhere now: dataset.root_b=..."
    for typed in ((command, f"resume={run.folder}", "budget.images=96"), (sample_command, f"run={run.folder}")):
        code, _, err = call(*typed)
        assert (code, f"  {hint}\n" in err) == (2, True), err
    code, _, err = call(
        command, f"resume={run.folder}", "budget.images=96", "dataset.root_b=new_b", "dataset.root_a=new_b"
    )
    assert (code, "other data than the run was trained on" in err) == (2, True), err
    code, _, err = call(
        command, f"resume={run.folder}", "budget.images=96", "dataset.root_b=new_b", "dataset.root_a=new_a"
    )
    assert code == 0, err
    assert (run.config["dataset"]["root_a"], run.config["dataset"]["root_b"]) == ("new_a", "new_b")
