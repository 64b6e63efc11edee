import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_experiments.api.evaluate import evaluate
from gan_experiments.cli import evaluate as command
from gan_experiments.core.types import ConfigError
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.synthetic.points import Ring
from gan_experiments.runs.results import estimates

SMALL = ("metrics.extractors.native.width=4", "metrics.extractors.native.training_images=2000")


def test_it_repeats_the_run_s_final_values_bit_for_bit(trained):
    result, record = evaluate(trained), trained.record
    assert result.estimates == estimates(record)
    assert result.values == {name: each["value"] for name, each in record["final"].items()}
    assert result.provenance["extractors"] == record["evaluation"]["extractors"]
    assert record["evaluations"]["native-60"] == result.record
    assert result.record["images_seen"] == 64
    assert "last checkpoint at 64 images" in repr(result)
    assert "EMA generator" in repr(result)


def test_it_is_what_the_command_measures(trained, call):
    options = ("metrics=[native,random]", *SMALL)
    result = evaluate(
        trained.folder, SMALL, metrics=["native", "random"], samples=60, checkpoint="best", raw=True, seed=1
    )
    code, out, err = call(
        command, f"run={trained.folder}", *options, "metrics.samples=60", "checkpoint=best", "generator=raw", "seed=1"
    )
    assert code == 0, err
    assert trained.record["evaluations"]["native-random-60-raw-best-seed1"] == json.loads(json.dumps(result.record))
    assert out.strip().splitlines()[1:] == repr(result).splitlines()[1:]


def test_truncation_and_overrides_of_the_metrics(trained):
    result = evaluate(trained, ["metrics.samples=50", *SMALL], truncation=0.5)
    assert (result.provenance["samples"], result.provenance["truncation"]) == (50, 0.5)


@pytest.mark.parametrize("kind", ["tensor", "array", "channels_last", "file"])
def test_images_against_a_dataset(kind, tmp_path, call):
    images = Digits().images[:80]
    np.save(tmp_path / "fakes.npy", images.numpy())
    source = {
        "tensor": images,
        "array": images.numpy(),
        "channels_last": images.permute(0, 2, 3, 1),
        "file": tmp_path / "fakes.npy",
    }[kind]
    result = evaluate(source, SMALL, dataset="digits", metrics="native")
    assert result.provenance["samples"] == 80
    assert result.values["fid"] < 5 * result.estimates["fid"].real_baseline
    if kind == "file":
        code, _, err = call(command, f"fake={source}", "dataset=digits", *SMALL)
        assert code == 0, err
        (record,) = Path("outputs/evaluations").glob("fakes-digits-*.json")
        assert json.loads(record.read_text()) == json.loads(json.dumps(result.record))
    else:
        assert "the array against digits" in repr(result)


def test_points():
    points = Ring(num_points=300).load()[0]
    assert evaluate(points, dataset="ring", metrics="known_distribution").values["modes"] == 8


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("nowhere", {}, "not a run folder"),
        ("nowhere", {"dataset": "digits"}, "fake: there is no nowhere"),
        (torch.zeros(5, 1, 8, 8, dtype=torch.uint8), {}, "say what real images"),
        (torch.zeros(50, 1, 8, 8), {"dataset": "digits"}, "save uint8"),
        (torch.zeros(50, 3, 8, 8, dtype=torch.uint8), {"dataset": "digits"}, "the array has the shape"),
        (torch.zeros(50, 1, 8, 8, dtype=torch.uint8), {"dataset": "digits", "samples": 60}, "60 asked for"),
        (torch.zeros(5, 1, 8, 8, dtype=torch.uint8), {"dataset": "digit", "metrics": "nativ"}, "dataset: no option"),
    ],
)
def test_what_cannot_be_measured_is_said(source, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message) as error:
        evaluate(source, **options)
    if "metrics" in options:
        assert len(error.value.problems) == 2


def test_measures_that_do_not_go_with_a_run_or_with_images_are_refused(trained):
    with pytest.raises(ConfigError, match=r"psnr: PSNR measures translated images, and GAN generates"):
        evaluate(trained, metrics=["none", "pairs"])
    images = torch.zeros(50, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ConfigError, match=r"metrics\.measures\.psnr: needs a generator, not images alone"):
        evaluate(images, dataset="digits", metrics=["none", "pairs"])
