"""Standing statistics: those of batches of the generator's own, wherever it is evaluated, and nowhere else."""

import copy

import pytest
import torch
from tiny import CLASSIFIER, tiny_overrides
from torch import nn

import gan_experiments
from gan_experiments.api.evaluate import evaluate
from gan_experiments.cli import evaluate as evaluate_command
from gan_experiments.cli import sample
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.batch_norm import synchronize_batch_norm
from gan_experiments.networks.biggan import BigGANGenerator
from gan_experiments.networks.dcgan import DCGANGenerator
from gan_experiments.networks.mlp import MLPGenerator
from gan_experiments.runs.config_differences import changed
from gan_experiments.runs.generator_file import load_generator
from gan_experiments.sampling.standing import refuse_standing, with_standing_statistics

FACTS = DataFacts("images", 8, 1, num_classes=3)


def statistics(network):
    return {name: buffer.clone() for name, buffer in network.named_buffers() if "running" in name}


@pytest.mark.parametrize("truncation", [None, 0.5])
@pytest.mark.parametrize("build", [DCGANGenerator, BigGANGenerator])
def test_they_are_the_means_of_those_of_each_batch(build, truncation):
    generator = build(FACTS, latent_dim=12, channels=2, conditional=True)
    before = copy.deepcopy(generator.state_dict())
    found = with_standing_statistics(generator, 3, 5, seed=1, truncation=truncation)
    one_batch = copy.deepcopy(generator).eval()
    norms = [module for module in one_batch.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    expected = []
    for index in range(3):
        for norm in norms:
            norm.momentum = 1.0  # the statistics of the last batch alone
            norm.train()
        stream = Stream(1, "evaluation", "standing", index)
        latents, labels = stream.normal(5, 12), stream.integers(3, 5)
        with torch.no_grad():
            one_batch(latents, labels) if truncation is None else one_batch.truncated(latents, truncation, labels)
        expected.append(statistics(one_batch))
    assert statistics(found).keys() == expected[0].keys()
    assert len(norms) > 1
    for name, value in statistics(found).items():
        torch.testing.assert_close(value, torch.stack([each[name] for each in expected]).mean(0))
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert not found.training
    assert all(torch.equal(*pair) for pair in zip(found.parameters(), generator.parameters(), strict=True))


def test_several_processes_compute_the_same_each_by_itself(monkeypatch):
    generator = DCGANGenerator(FACTS, latent_dim=12, channels=2)
    expected = statistics(with_standing_statistics(generator, 2, 4, seed=0))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.delattr(torch.distributed.nn.functional, "all_reduce")
    synchronize_batch_norm(generator)
    assert all(torch.equal(value, expected[name]) for name, value in
               statistics(with_standing_statistics(generator, 2, 4, seed=0)).items())  # fmt: skip


@pytest.mark.parametrize(
    ("network", "batches", "reason"),
    [
        (MLPGenerator(FACTS), 1, "MLPGenerator has no batch norm here"),
        (DCGANGenerator(FACTS, channels=2, norm="none"), 2, "DCGANGenerator has no batch norm here"),
        (nn.Conv2d(1, 1, 1), 1, "Conv2d makes images from images"),
        (DCGANGenerator(FACTS, channels=2), -1, "-1 is not a number of batches"),
    ],
)
def test_they_are_refused_where_there_are_none(network, batches, reason):
    refuse_standing(network, 0, "x")
    with pytest.raises(ConfigError, match=f"^x: {reason}.*; set x=0$"):
        refuse_standing(network, batches, "x")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Train two tiny runs, of which the second is evaluated with standing statistics."""
    own = f"output_dir={tmp_path_factory.mktemp('standing')}"
    return [gan_experiments.train(tiny_overrides(own, f"ema.standing_batches={count}")) for count in (0, 2)]


def test_a_run_is_trained_alike_and_evaluated_otherwise(runs):
    plain, standing_run = runs
    states = [run.system().state_dict() for run in (plain, standing_run)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert plain.record["final"]["fid"] != standing_run.record["final"]["fid"]
    assert "standing_batches" not in plain.record["evaluation"]
    assert standing_run.record["evaluation"]["standing_batches"] == 2
    exported = load_generator(standing_run.files.generator_file)
    expected = with_standing_statistics(standing_run.system().ema.module, 2, 8, seed=0)
    assert all(torch.equal(value, statistics(expected)[name]) for name, value in statistics(exported).items())
    assert torch.equal(standing_run.sample(3), plain.sample(3, standing_batches=2))
    assert not torch.equal(standing_run.sample(3), standing_run.sample(3, standing_batches=0))
    assert not torch.equal(standing_run.sample(3, truncation=0.1), standing_run.generator().truncated(
        Stream(0, "samples").normal(3, 12), 0.1).add(1).mul(127.5).round().to(torch.uint8))  # fmt: skip


def test_an_evaluation_repeats_or_changes_them(runs):
    plain, standing_run = runs
    again, without = evaluate(standing_run), evaluate(standing_run, standing_batches=0)
    assert again.values == pytest.approx({k: v["value"] for k, v in standing_run.record["final"].items()}, rel=1e-4)
    assert without.values == pytest.approx({k: v["value"] for k, v in plain.record["final"].items()}, rel=1e-4)
    assert "batch norm of 2 batches" in str(again)
    assert {name for name in standing_run.record["evaluations"] if "standing2" in name}
    with pytest.raises(ConfigError, match=r"standing_batches: -1 is not an integer in \[0, 10000\]"):
        evaluate(standing_run, standing_batches=-1)


@pytest.mark.parametrize("overrides", [["model.generator.norm=none"], ["model=pix2pix", "task=denoise"]])
def test_what_has_no_batch_norm_is_refused_before_a_run(fit, tmp_path, overrides):
    with pytest.raises(ConfigError, match=r"ema.standing_batches: .*; set ema.standing_batches=0"):
        fit("ema.standing_batches=4", *overrides)
    assert not (tmp_path / "run").exists()


def test_batch_norm_that_waits_for_other_processes_is_refused(runs):
    system = runs[0].system()
    system.generator.append = torch.nn.SyncBatchNorm(3)
    with pytest.raises(ConfigError, match="waits for other processes"):
        system.use_standing_statistics(2, "standing_batches")


def test_a_run_of_before_there_were_standing_statistics_has_the_same_config():
    ema = gan_experiments.compose(["dataset=digits"])["ema"]
    assert "standing_batches" in ema
    assert changed({"ema": {key: value for key, value in ema.items() if key != "standing_batches"}}, {"ema": ema}) == []


def test_the_commands_have_them_too(runs, call, capsys, tmp_path):
    plain, standing_run = (str(run.folder) for run in runs)
    drawn = []
    for run, option in ((plain, "standing_batches=2"), (standing_run, "seed=0"), (plain, "seed=0")):
        code, _, err = call(sample, f"run={run}", option, f"file={tmp_path / 'sheet.png'}")
        assert code == 0, err
        drawn.append((tmp_path / "sheet.png").read_bytes())
        (tmp_path / "sheet.png").unlink()
    assert drawn[0] == drawn[1] != drawn[2]
    code, out, err = call(evaluate_command, f"run={plain}", "standing_batches=3", "metrics.samples=40", *CLASSIFIER)
    assert (code, "batch norm of 3 batches" in out) == (0, True), err
    code, _, err = call(sample, f"run={plain}", "standing_batches=-1")
    assert (code, "standing_batches: -1 is not" in err) == (2, True)
