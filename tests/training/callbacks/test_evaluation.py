"""Evaluation along a run: when, with what, and at what cost."""

import csv
import json
import logging
from functools import partial
from types import SimpleNamespace

import pytest

from gan_experiments.core import weights
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics import evaluator
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.metrics.processes import Processes
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import summary
from gan_experiments.systems.gan import GAN
from gan_experiments.training.callbacks import evaluation
from gan_experiments.training.callbacks.evaluation import Evaluation, interval
from gan_experiments.training.train import prepare, train


@pytest.fixture
def network_down(monkeypatch):
    """Let no weights be had, and what is used instead learn for less than seconds."""
    pytest.importorskip("torch_fidelity")
    monkeypatch.setattr(evaluator, "NativeClassifier", partial(NativeClassifier, width=4, training_images=2000))

    def refuse(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(weights, "download_url_to_file", refuse)


def inception(tiny, *overrides):
    """Compose the run that the literature's protocol is asked of, as tiny as it gets."""
    config = tiny("metrics=inception", *overrides)
    return config | {"metrics": config["metrics"] | {"every": 32, "samples": 40, "final_samples": 60}}


@pytest.fixture
def tiny(tiny):
    def make(*overrides):
        if "metrics=inception" not in overrides:
            return tiny(*overrides)
        from omegaconf import OmegaConf
        from tiny import TINY

        from gan_experiments.config.compose import compose

        kept = [line for line in TINY if "native" not in line]
        return OmegaConf.to_container(compose("train", [*kept, *overrides]), resolve=True)

    return make


def test_training_goes_on_with_native_if_the_weights_cannot_be_had(tiny, fit, network_down, caplog):
    with caplog.at_level(logging.WARNING):
        run = fit(config=inception(tiny, "metrics.allow_missing=true"))
    record = run.record()
    assert record["status"] == "finished"
    assert record["evaluation"]["extractors"]["native"]["name"] == "native"
    assert "no route to host" in record["evaluation"]["left_out"]["inception"]
    assert "native is used instead" in caplog.text
    assert "left out     inception: the weights of Inception are not here" in summary(run)


def test_a_run_does_not_begin_without_the_weights_that_it_asks_for(tiny, network_down, tmp_path):
    run = RunFolder(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"weights of Inception are not here .* metrics.allow_missing=true"):
        prepare(inception(tiny), run)
    assert not run.path.exists()


def test_a_file_that_is_named_and_not_there_ends_it(tiny, fit):
    pytest.importorskip("torch_fidelity")
    with pytest.raises(ConfigError, match=r"there is no file absent\.pth"):
        fit(config=inception(tiny, "metrics.weights=absent.pth"))


def test_a_resumed_run_keeps_its_extractors(tiny, network_down, tmp_path, monkeypatch):
    """It started without the weights; when they are available later, the two kinds of values are not mixed."""
    run, config = RunFolder(tmp_path / "run"), inception(tiny, "metrics.allow_missing=true")
    step = GAN.step

    def fail_after_the_first_evaluation(self, batch):
        step(self, batch)
        if self.clock.images_seen == 40:
            raise InterruptedError

    monkeypatch.setattr(GAN, "step", fail_after_the_first_evaluation)
    with pytest.raises(InterruptedError):
        train(config, run)
    monkeypatch.setattr(GAN, "step", step)
    monkeypatch.setattr(weights, "find_weights", lambda *_: pytest.fail("asked for the weights again"))
    train(config, run)
    record = run.record()
    assert record["status"] == "finished"
    assert record["evaluation"]["left_out"].keys() == {"inception"}


def test_too_few_images_are_refused_before_training(tiny, fit):
    with pytest.raises(ConfigError) as caught:
        fit("metrics=[native,kid]", "metrics.features.kid.subset_size=50")
    text = "metrics.samples: 40 generated images are too few for kid, which needs 50 (metrics.features.kid.subset_size)"
    assert caught.value.problems == [text]


def test_its_share_of_the_time_is_logged_and_recorded(fit):
    run = fit()
    record = run.record()
    assert 0 < record["evaluation_share"] < 1
    rows = list(csv.DictReader(run.metrics_file.open()))
    assert float(rows[-1]["speed/evaluation_share"]) == pytest.approx(record["evaluation_share"], abs=0.2)
    assert f"evaluation   {record['evaluation_share']:.0%} of the time" in summary(run)
    assert {name for name, each in record["final"].items() if "margin" in each} == {"fid", "is"}
    assert json.dumps(record["evaluation"])


def test_interval_at_which_evaluation_takes_a_tenth():
    for seconds, speed in ((2.0, 1000.0), (0.013, 37.0), (300.0, 12345.6)):
        every = interval(seconds, speed)
        share = seconds / (seconds + every / speed)
        assert share <= 0.1
        assert share > 0.089 or every < 100
    assert interval(2.0, 1000.0) == 18000


@pytest.mark.parametrize(("share", "seen", "hinted"), [(0.3, 200, True), (0.05, 200, False), (0.3, 100, False)])
def test_hint_above_a_tenth(monkeypatch, caplog, share, seen, hinted):
    evaluator = SimpleNamespace(check=lambda *_, **__: None, selection="fid", higher_is_better={"fid": False})
    part = Evaluation(evaluator, 100, 10, 10)
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: part._started + 100.0)
    part._seconds = 100 * share
    with caplog.at_level(logging.WARNING):
        part._suggest_interval(30 * share, seen)
        part._suggest_interval(30 * share, seen)
    hint = "evaluation has taken 30 % of the time; with metrics.every=240 it would take a tenth"
    assert caplog.messages == [hint] * hinted  # once


@pytest.mark.parametrize(("higher", "improvements"), [(False, [True, False, True]), (True, [True, True, False])])
def test_the_best_evaluation_goes_by_the_direction_of_its_measure(monkeypatch, higher, improvements):
    values = iter([3.0, 5.0, 1.0, 4.0])

    class Measures(SimpleNamespace):
        def __call__(self, *_):
            return {"modes": next(values)}

    monkeypatch.setattr(evaluation, "evaluation_samples", lambda *_: range(10))
    measures = Measures(check=lambda *_, **__: None, selection="modes", higher_is_better={"modes": higher})
    part = Evaluation(measures, 100, 10, 10)
    clock = SimpleNamespace(finished=False, ended_early=False, images_seen=100)
    system = SimpleNamespace(clock=clock, seed=0)
    assert [part.measure(system, Processes(1, 2)).improved for _ in range(3)] == improvements


def test_a_measure_without_a_direction_cannot_choose_the_best():
    measures = SimpleNamespace(check=lambda *_, **__: None, selection="loss", higher_is_better={})
    with pytest.raises(ConfigError, match="the measure of loss needs higher_is_better"):
        Evaluation(measures, 100, 10, 10)
