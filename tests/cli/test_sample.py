"""Every output of ``gan-sample`` for one run, from the command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_overrides

from gan_experiments.api.train import train
from gan_experiments.cli import sample
from gan_experiments.config.files import conf_dir
from gan_experiments.sampling import video

OUTPUTS = sorted(file.stem for file in (conf_dir() / "output").glob("*.yaml"))
REFUSED = {"classes": "not conditional", "style_mixing": "DCGANGenerator has one for all"}
SMALL = {
    "neighbours": ["output.extractor.width=4", "output.extractor.training_images=2000"],
    "sefa": ["output.directions=[0]"],
    "spectrum": ["output.count=20"],
    "video": ["output.count=2", "output.between=2"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from omegaconf import OmegaConf

    from gan_experiments.config.compose import compose
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training.train import train

    config = compose(
        "train", tiny_overrides("metrics=none", "budget.images=16", "optimizer.generator.lr=0.05", "ema.rampup=null")
    )
    folder = RunFolder(tmp_path_factory.mktemp("study") / "run")
    folder.path.mkdir()
    plain = OmegaConf.to_container(config, resolve=True)
    folder.write_config(plain)
    train(plain, folder)
    return folder


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_is_an_image_or_a_clear_refusal(run, call, output):
    small = SMALL.get(output, [])
    if output == "projection":
        small = [f"output.images=[{run.grid(16)}]", "output.steps=2"]
    code, out, err = call(sample, f"run={run.path}", f"output={output}", *small)
    if output in REFUSED:
        assert code == 2
        assert REFUSED[output] in err
        return
    assert code == 0, err
    picture = out.splitlines()[-1]
    assert picture.endswith(f"{output}-last-seed0-1.{'gif' if output == 'video' else 'png'}")
    assert min(Image.open(picture).size) >= 34


@pytest.mark.parametrize(
    "output", [name for name in OUTPUTS if name not in {*REFUSED, "projection", "neighbours", "spectrum"}]
)
def test_more_samples_than_memory_holds_are_refused(run, call, output):
    given = [line for line in SMALL.get(output, []) if "count" not in line] + ["output.count=1000000000000"]
    code, out, err = call(sample, f"run={run.path}", f"output={output}", *given)
    assert (code, out) == (2, "")
    assert err.startswith("Config error: 1 problem\n  output: too large for the ")
    assert "of memory here (count=1000000000000): it needs another " in err


def test_a_sheet_is_written_to_no_file_of_another_kind(run, call, tmp_path):
    code, _, err = call(sample, f"run={run.path}", "file=own.jpg")
    assert (code, "file: own.jpg is no .png, which this is written as" in err) == (2, True)
    assert not (tmp_path / "own.jpg").exists()


def test_a_grid_is_the_run_s_own(run, call, tmp_path):
    code, _, err = call(sample, f"run={run.path}", "output.count=4", "file=own.png")
    assert code == 0, err
    assert (tmp_path / "own.png").read_bytes() == run.grid(16).read_bytes()
    code, _, err = call(sample, f"run={run.path}", "file=own.png")
    assert (code, "own.png exists and is not overwritten" in err) == (2, True)


def test_the_raw_generator_is_that_of_the_last_step(run, call, tmp_path):
    code, out, err = call(sample, f"run={run.path}", "output.count=4", "generator=raw")
    assert code == 0, err
    assert out.strip().endswith("grid-last-raw-seed0-1.png")
    raw = np.asarray(Image.open(out.strip())).astype(int)
    averaged = np.asarray(Image.open(run.grid(16))).astype(int)
    assert raw.shape == averaged.shape
    assert (raw != averaged).any()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["kind=interpolation"], "Hint: output= chooses what is drawn: output=interpolation"),
        (["kind.count=4"], "Hint: output= chooses what is drawn: output.count=4"),
        (["output=own.png"], "Hint: output= chooses what is drawn, file= the file to write: file=own.png"),
        (["count=4"], "count: no such key; did you mean 'output.count'?"),
        (["output=interpolations"], "output: no option 'interpolations'; did you mean 'interpolation'?"),
        (["output=interpolation", "output.path=round"], "output.path: 'round' is not one of spherical, linear"),
        (["output=truncation", "output.values=[0]"], "output.values[0]: 0 is not a number > 0"),
        (
            ["output=neighbours", "output.extractor._target_=torch.nn.Linear"],
            "Linear does not descend from gan_experiments.metrics.extractors.base.Extractor",
        ),
    ],
)
def test_wrong_input_is_refused(run, call, arguments, line):
    code, _, err = call(sample, f"run={run.path}", *arguments)
    assert code == 2
    assert line in err


def test_a_video_is_refused_before_it_is_drawn_if_its_file_cannot_be_written(run, call, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    (tmp_path / "absent").touch()  # no checkpoint, as would be said after it
    for file, problem in (("walk.png", "is no .gif or .mp4"), ("walk.mp4", "pip install 'gan-experiments[video]'")):
        code, _, err = call(sample, f"run={run.path}", "output=video", f"file={file}", "checkpoint=absent")
        assert (code, problem in err, "1 problem" in err) == (2, True, True), err
    assert not list(tmp_path.glob("walk*"))


def test_class_names_are_drawn_and_kept_where_the_images_are_not(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lion", "tiger"):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for index in range(10):
            Image.new("L", (8, 8), 20 * index).save(tmp_path / "animals" / name / f"{index}.png")
    options = ("dataset=image_folder", "dataset.root=animals", "dataset.channels=1", "conditioning=concatenation")
    run = train(tiny_overrides(*options, "metrics=none", "budget.images=16", "name=animals"))
    assert run.record["class_names"] == ["lion", "tiger"]
    code, _, err = call(sample, f"run={run.folder}", "output=classes", "file=here.png")
    assert code == 0, err
    shutil.rmtree("animals")
    code, _, err = call(sample, f"run={run.folder}", "output=classes", "file=there.png")
    assert code == 0, err
    assert Path("here.png").read_bytes() == Path("there.png").read_bytes()
    run.files.update_record(class_names=None)
    code, _, err = call(sample, f"run={run.folder}", "output=classes", "file=numbers.png")
    assert code == 0, err
    assert Path("here.png").read_bytes() != Path("numbers.png").read_bytes()
