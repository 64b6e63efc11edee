import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from needs_torch import EXPORTS
from PIL import Image
from tiny import tiny_overrides

import gan_experiments as gan
from gan_experiments.api.run import Run, load_run
from gan_experiments.api.train import train
from gan_experiments.cli import export, sample
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.generator_file import load_generator


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional")
    options = ("conditioning=concatenation", "metrics=none", "budget.images=16")
    return train([*tiny_overrides(*options), f"output_dir={folder}"])


def test_a_run_is_what_its_folder_holds(trained):
    run = load_run(str(trained.folder))
    assert run.config == trained.config
    assert (run.config["seed"], run.status) == (3, "finished")
    assert run.record == trained.record
    assert Path(run) == trained.folder
    assert os.fspath(run) == str(trained.folder)
    assert load_generator(run).latent_dim == load_generator(trained.folder).latent_dim
    assert repr(run) == f"Run({str(trained.folder)!r}, finished)"


def test_metrics_are_a_table_for_pandas(trained):
    table = pd.DataFrame(trained.metrics())
    assert table["images_seen"].tolist() == [16, 32, 48, 64]
    assert table["metrics/fid"].notna().tolist() == [False, True, False, True]
    assert table["final/fid"].iloc[-1] == pytest.approx(trained.record["final"]["fid"]["value"])


def test_samples_are_those_of_the_command(trained, call, tmp_path):
    code, _, err = call(sample, f"run={trained.folder}", "output.count=9", "seed=5", "file=grid.png")
    assert code == 0, err
    images = trained.sample(9, seed=5)
    assert (images.shape, images.dtype) == ((9, 1, 8, 8), torch.uint8)
    grid = image_grid(images, columns=3).permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "grid.png").convert("RGB")), grid)


def test_the_raw_and_the_best_generator(trained):
    last, raw = trained.generator(), trained.generator(raw=True)
    assert not last.training
    assert not any(each.requires_grad for each in last.parameters())
    saved = load_checkpoint(trained.files.checkpoint("last"))["state_dict"]
    for generator, prefix in ((last, "ema.module."), (raw, "generator.")):
        assert all(torch.equal(value, saved[prefix + key]) for key, value in generator.state_dict().items())
    assert not torch.equal(trained.sample(2, raw=True), trained.sample(2))
    assert trained.sample(2, checkpoint="best").shape == (2, 1, 8, 8)
    latents = torch.randn(4, last.latent_dim)
    assert torch.equal(load_generator(trained.files.generator_file)(latents), last(latents))


def test_the_system_has_all_weights(trained):
    saved = load_checkpoint(trained.files.checkpoint("last"))["state_dict"]
    state = trained.system().state_dict()
    assert state.keys() == saved.keys()
    assert all(torch.equal(value, saved[key]) for key, value in state.items())


def test_random_numbers_of_the_process_are_kept(trained):
    before = torch.get_rng_state()
    trained.sample(3)
    trained.system()
    assert torch.equal(torch.get_rng_state(), before)


def test_classes(conditional, trained):
    cycled = conditional.sample(12)
    assert torch.equal(conditional.sample(12, labels=[*range(10), 0, 1]), cycled)
    assert torch.equal(conditional.sample(12, labels=torch.arange(12) % 10), cycled)
    threes = conditional.sample(12, labels=3)
    assert torch.equal(threes, conditional.sample(12, labels=[3] * 12))
    assert not torch.equal(threes, cycled)


def test_runs_of_one_folder_are_equal(trained, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(trained.folder)
    monkeypatch.chdir(trained.folder.parent)
    same = {trained, load_run(trained.folder), Run(trained.folder.name), Run(tmp_path / "link", trusted=["mine"])}
    assert len(same) == 1
    assert trained != Run(tmp_path)
    assert trained != trained.folder


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda run: run.sample(2.5), "n: 2.5 is not an integer >= 1"),
        (lambda run: run.sample(-1), "n: -1 is not an integer >= 1"),
        (lambda run: run.sample(2, seed=0.5), "seed: 0.5 is not an integer >= 0"),
        (lambda run: run.sample(2, truncation="0.5"), "truncation: '0.5' is not a number > 0 or None"),
        (lambda run: run.sample(2, accelerator="cuda"), "accelerator: 'cuda' is not one of cpu, gpu, auto"),
        (lambda run: run.sample(2, checkpoint="nowhere"), "nowhere: no such checkpoint"),
        (lambda run: run.sample(2, standing_batches=-1), "standing_batches: -1 is not an integer in [0, "),
        (lambda run: run.generator(raw="yes"), "raw: 'yes' is not true or false"),
        (lambda run: run.system(accelerator=0), "accelerator: 0 is not one of cpu, gpu, auto"),
        (lambda run: run.translate(None, direction="c"), "direction: 'c' is not one of a_to_b, b_to_a"),
        (lambda run: run.diagnose(0.5), "images: 0.5 is not an integer >= 1 or None"),
        (lambda run: load_run(5), "folder: 5 is not text; write \"'5'\""),
        (lambda run: load_run(run.folder, trusted="os"), "trusted: 'os' is not a list, each text"),
        (lambda run: load_generator(3), "path: 3 is not text; write \"'3'\""),
        (lambda run: gan.evaluate(run, samples=1.5), "samples: 1.5 is not an integer >= 1 or None"),
        (lambda run: gan.evaluate(run, devices=0), "devices: 0 is not an integer >= 1"),
        (lambda run: gan.compare(7), "study: 7 is neither the folder of a study nor a list of runs"),
        (lambda run: gan.compare([run, 7]), "is neither the folder of a study nor a list of runs"),
        (lambda run: gan.compare([run], score="last"), "score: 'last' is not one of final, best"),
        (lambda run: gan.compare([run], threshold="low"), "threshold: 'low' is not a number or None"),
        (lambda run: gan.train(3), "config: 3 is not a mapping or text or a list, each text"),
        (lambda run: gan.train([3]), "config: "),
        (lambda run: gan.compose(trusted=1), "trusted: 1 is not a list, each text"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_in_our_words(trained, call, problem):
    with pytest.raises(ConfigError) as refused:
        call(trained)
    (line,) = refused.value.problems
    assert problem in line


def test_classes_are_integers(conditional):
    for labels in (2.5, [1.0, 2.0], "cat", ["cat", "dog"], True, [[1], [1, 2]]):
        with pytest.raises(ConfigError, match=r"labels: .* is neither a class nor a list of classes"):
            conditional.sample(2, labels=labels)


def test_a_checkpoint_can_be_a_path(trained):
    last = trained.sample(2)
    assert torch.equal(trained.sample(2, checkpoint=trained.files.checkpoint("last")), last)
    assert torch.equal(trained.sample(np.int64(2), seed=np.int32(0)), last)


def test_what_is_no_run_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match="not a run folder"):
            load_run(folder)


def test_a_run_that_has_lost_its_checkpoint_says_so(tmp_path, trained):
    run = Run(tmp_path)
    run.files.write_config(trained.config)
    assert run.status == "not started"
    with pytest.raises(ConfigError, match=r"last\.ckpt: no such checkpoint"):
        run.sample(1)
    run.files.update_record(status="running")
    assert run.status == "interrupted"
    with run.files.lock():
        assert run.status == "running"


def test_a_stranger_s_config_runs_no_code(tmp_path, trained):
    run = Run(tmp_path)
    run.files.write_config({**trained.config, "loss": {"_target_": "os.system"}, "trusted": ["os"]})
    for method in (run.system, run.generator, lambda: run.sample(1)):
        with pytest.raises(ConfigError, match=r"os\.system"):
            method()


@EXPORTS
def test_the_command_exports_this_generator(trained, call, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    code, _, err = call(export, f"run={trained.folder}", f"output={tmp_path / 'g.onnx'}")
    assert code == 0, err
    latents = torch.randn(3, 12)
    (images,) = onnxruntime.InferenceSession(tmp_path / "g.onnx").run(None, {"latents": latents.numpy()})
    assert torch.from_numpy(images).allclose(trained.generator()(latents), atol=1e-4)
