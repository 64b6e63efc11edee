"""``gan-evaluate`` as it is typed."""

import json
import multiprocessing
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.multiprocessing import start_processes

from gan_experiments.cli import evaluate
from gan_experiments.core import weights
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.synthetic.points import Ring
from gan_experiments.runs.folder import RunFolder

FORK = partial(start_processes, start_method="fork")


class OneSpawned:
    """Starts the first of several processes as the package does, and forks the others, which import nothing again."""

    def Process(self, *, args, **options):  # noqa: N802 - as multiprocessing calls it
        rank = args[1]
        return multiprocessing.get_context("fork" if rank else "spawn").Process(args=args, **options)


SMALL = ("metrics.extractors.native.width=4", "metrics.extractors.native.training_images=2000")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny run on digits, trained once."""
    from omegaconf import OmegaConf
    from tiny import tiny_overrides

    from gan_experiments.config.compose import compose
    from gan_experiments.training.train import train

    run = RunFolder(tmp_path_factory.mktemp("run") / "tiny")
    config = OmegaConf.to_container(compose("train", tiny_overrides()), resolve=True)
    run.write_config(config)
    train(config, run)
    return run


def test_it_repeats_the_final_figures_of_the_run(call, trained):
    code, out, err = call(evaluate, f"run={trained.path}", "metrics.samples=60", *SMALL)
    assert code == 0, err
    record = trained.record()
    again = record["evaluations"]["native-60"]
    assert again["final"] == {name: pytest.approx(each, rel=1e-4) for name, each in record["final"].items()}
    evaluation = again["evaluation"]
    for key in ("samples", "generator", "truncation", "seed", "real_images", "real_split", "data", "versions"):
        assert key in evaluation
    assert "FID" in out
    assert " ± " in out
    weights_hash = evaluation["extractors"]["native"]["weights"][:8]
    assert f"native features (weights {weights_hash}), 60 samples of the EMA generator, 1,797 real ones, seed 0" in out


def test_groups_compose_and_the_best_and_the_raw_generator(call, trained):
    options = ("metrics=[native,random,prdc]", "metrics.samples=60", "checkpoint=best", "generator=raw", *SMALL)
    code, out, err = call(evaluate, f"run={trained.path}", *options)
    assert code == 0, err
    found = trained.record()["evaluations"]["native-random-prdc-60-raw-best"]
    assert {"fid", "is", "precision", "recall", "fid/random", "precision/random"} <= found["final"].keys()
    assert "is/random" not in found["final"]
    assert found["evaluation"]["generator"] == "raw"
    assert found["evaluation"]["checkpoint"] == "best"
    assert "60 samples of the raw generator" in out
    code, _, err = call(evaluate, f"run={trained.path}", "metrics.samples=60", "truncation=0.5", *SMALL)
    assert code == 0, err
    truncated = trained.record()["evaluations"]["native-60-truncation0.5"]
    assert truncated["evaluation"]["truncation"] == 0.5
    assert truncated["final"]["fid"]["value"] != trained.record()["final"]["fid"]["value"]


def pictures(path, images):
    path.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image[0].numpy()).save(path / f"{index}.png")
    return path


def test_any_images_against_a_dataset(call, tmp_path):
    place = pictures(tmp_path / "fakes", Digits().images[:80])
    code, out, err = call(evaluate, f"fake={place}", "dataset=digits", *SMALL)
    assert code == 0, err
    assert "80 images, 1,797 real ones" in out
    (record,) = Path("outputs/evaluations").glob("fakes-digits-*.json")
    found = json.loads(record.read_text())
    assert found["evaluation"]["generator"] == "images"
    assert found["final"]["fid"]["value"] < 5 * found["final"]["fid"]["real_baseline"]


def test_points_against_a_distribution(call, tmp_path):
    np.save(tmp_path / "points.npy", Ring(num_points=500).load()[0][:, :, 0, 0].numpy())
    code, _, err = call(evaluate, f"fake={tmp_path / 'points.npy'}", "dataset=ring", "metrics=known_distribution")
    assert code == 0, err
    (record,) = Path("outputs/evaluations").glob("points-ring-*.json")
    found = json.loads(record.read_text())["final"]
    assert found["modes"]["value"] == 8
    assert found["precision"]["value"] > 0.95


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say what to measure: run=<folder of a run>, or fake="),
        (["fake=fakes"], "say what to measure"),
        (["run=run", "fake=fakes", "dataset=digits"], "say what to measure"),
        (["run=x", "fake=fakes", "dataset=digits"], "run: x: not a run folder: there is no such folder"),
        (["fake=absent", "dataset=digits"], "fake: there is no file or folder absent"),
        (["fake=fakes", "dataset=digits", "metrics.samples=30"], "30 asked for, fakes holds 20 images"),
        (["fake=fakes", "dataset=digits", "metrics=[native,kid]"], "20 generated images are too few for kid, which ne"),
        (["fake=fakes", "dataset=digits", "metrics=[native,class_fid]"], "needs labels; the generated images have n"),
        (["fake=fakes", "dataset=ring", "metrics=known_distribution"], "fake: ring consists of points, not images"),
        (["fake=fakes", "dataset=digits", "metrics=[random,kid,known_distribution]"], "of Digits is not known"),
        (["fake=fakes", "dataset=digits", "metrics=kid"], "kid needs an extractor; add one: metrics=[native,kid]"),
        (["fake=fakes", "dataset=digits", "+metrics.weights=x"], "metrics.weights: native takes no file of weights"),
        (["fake=fakes", "dataset=ring", "metrics=[native,mixture,prdc]"], "already computes precision, recall"),
        (["fake=fakes", "dataset=digits", "metrics=inception", "metrics.weights=no.pth"], "there is no file no.pth"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_said(call, tmp_path, words, told):
    pictures(tmp_path / "fakes", Digits().images[:20])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("{}")
    code, _, err = call(evaluate, *words)
    assert code == 2, err
    assert told in err
    assert "Traceback" not in err


def test_missing_weights_end_it_and_say_what_to_put_where(call, tmp_path, trained, monkeypatch):
    pytest.importorskip("torch_fidelity")
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))

    def refuse(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(weights, "download_url_to_file", refuse)
    code, _, err = call(evaluate, f"run={trained.path}", "metrics=inception", "metrics.samples=60")
    assert code == 2
    assert "no route to host" in err
    assert f"into {tmp_path}/weights" in err


def test_the_weights_of_another_network_are_refused(call, tmp_path, trained):
    pytest.importorskip("torch_fidelity")
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "w.pth")
    code, _, err = call(evaluate, f"run={trained.path}", "metrics=inception", "metrics.weights=w.pth")
    assert code == 2
    assert "w.pth holds the weights of another network than Inception" in err


@pytest.mark.parametrize("source", [pytest.param("run", marks=pytest.mark.slow), "fake"])
def test_two_processes_find_what_one_finds(call, trained, tmp_path, monkeypatch, source):
    """FID, IS, their margins and real baselines, in features, and measures that see the images themselves."""
    if source == "fake":  # forked, they need not import everything again
        monkeypatch.setattr("gan_experiments.core.distributed.spawn", FORK)
    else:  # one that is not shows that what it gets can be sent
        contexts = SimpleNamespace(**vars(multiprocessing) | {"get_context": lambda _: OneSpawned()})
        monkeypatch.setattr(sys.modules["torch.multiprocessing.spawn"], "multiprocessing", contexts)
    np.save(tmp_path / "fakes.npy", Digits().images[:90].numpy())
    what = [f"run={trained.path}"] if source == "run" else [f"fake={tmp_path / 'fakes.npy'}", "dataset=digits"]
    options = [*what, "metrics=[native,prdc]", "metrics.samples=90", "metrics.batch_size=20", *SMALL]
    found = []
    for devices in (1, 2):
        code, out, err = call(evaluate, *options, f"devices={devices}", *([f"name=on-{devices}"] * (source == "run")))
        assert code == 0, err
        if source == "run":
            assert f": on-{devices}\n" in out
            found.append(trained.record()["evaluations"][f"on-{devices}"])
        else:
            (record,) = Path("outputs/evaluations").glob("fakes-digits-*.json")
            found.append(json.loads(record.read_text()))
            record.unlink()
    one, two = found
    assert two["final"] == {name: pytest.approx(each, rel=1e-4) for name, each in one["final"].items()}
    assert two["evaluation"] == one["evaluation"]


def test_a_problem_in_several_processes_is_said_once(call, trained, monkeypatch):
    monkeypatch.setattr("gan_experiments.core.distributed.spawn", FORK)
    code, _, err = call(
        evaluate, f"run={trained.path}", "devices=2", "metrics=[native,kid]", *SMALL, "metrics.samples=60"
    )
    assert code == 2
    assert err.count("60 generated images are too few for kid") == 1
    assert "Traceback" not in err
    assert "devices=0" not in err
    code, _, err = call(evaluate, f"run={trained.path}", "devices=0")
    assert (code, "devices: 0 is not" in err) == (2, True)
