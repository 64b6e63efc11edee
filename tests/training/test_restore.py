import pytest
import torch
from drawn import png, write_folder

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.restore import restore


@pytest.mark.parametrize("raw", [False, True])
def test_the_system_of_a_checkpoint(fit, tiny, raw):
    run = fit("metrics=none", "ema.half_life=1000")
    system, data = restore(tiny("metrics=none", "ema.half_life=1000"), run, "last", "cpu", raw)
    state = load_checkpoint(run.checkpoint("last"))["state_dict"]
    for prefix, network, loaded in (("ema.module.", system.ema.module, True), ("generator.", system.generator, raw)):
        same = [torch.equal(value, state[prefix + name]) for name, value in network.named_parameters()]
        assert all(same) if loaded else not any(same)
    assert system.clock.images_seen == 64
    assert data.facts.name == "digits"


def test_a_missing_checkpoint_is_refused(tiny, tmp_path):
    with pytest.raises(ConfigError, match="last"):
        restore(tiny("metrics=none"), RunFolder(tmp_path), "last", "cpu")


@pytest.fixture
def left(tiny, fit, tmp_path):
    """Train on a folder of images, and take it away; returns the config and the run."""
    write_folder(
        tmp_path / "pictures", {f"{kind}/{number}.png": png(number, 8) for kind in "ab" for number in range(8)}
    )
    overrides = ["dataset=image_folder", f"dataset.root={tmp_path / 'pictures'}", "metrics=none"]
    overrides += ["model=mlp", "conditioning=concatenation", "dataset.image_size=8"]
    config = tiny(*overrides)
    run = fit(config=config)
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    return config, run


def test_a_generator_needs_no_images_where_those_of_its_run_are_elsewhere(left, tmp_path):
    config, run = left
    system, data = restore(config, run, "last", "cpu")
    assert (data.facts.name, data.facts.num_classes, data.facts.shape) == ("pictures", 2, (3, 8, 8))
    (tmp_path / "elsewhere").rename(tmp_path / "pictures")
    there, _ = restore(config, run, "last", "cpu")
    latents, labels = torch.randn(4, 12), torch.tensor([0, 1, 0, 1])
    assert torch.equal(system.ema.module(latents, labels), there.ema.module(latents, labels))


def test_images_that_are_elsewhere_are_asked_for_where_they_are_needed(left):
    _, data = restore(*left, "last", "cpu")
    with pytest.raises(
        ConfigError, match=r"dataset\.root: there is no folder .*pictures; .* now\? \(dataset.root=\.\.\.\)"
    ):
        data.setup()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": None},
        {"image_size": 0},
        {"image_size": [8, 8, 8]},
        {"image_size": True},
        {"channels": "3"},
        {"num_classes": -1},
        {"bits": 12},
    ],
)
def test_a_record_that_does_not_say_what_the_data_are_is_no_help(left, wrong):
    config, run = left
    run.update_record(dataset={**run.record()["dataset"], **wrong} if wrong else None)
    with pytest.raises(ConfigError, match=r"dataset\.root: there is no folder"):
        restore(config, run, "last", "cpu")
