import pytest
from torch import nn

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training import memory
from gan_experiments.training.build import build
from gan_experiments.training.memory import check_memory
from gan_experiments.training.preflight import _output_shapes


class Layers(nn.Module):
    """Keeps the input of each of two layers, and the sign of a ReLU's output."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 1000), nn.ReLU(), nn.Linear(1000, 1))

    def forward(self, images):
        return self.layers(images)


def test_activations_are_counted_once_for_each_image():
    _, kept = _output_shapes("discriminator", Layers(), (2, 10), None)
    assert kept == 4 * (10 + 1000)


def test_on_the_meta_device_as_well(monkeypatch):
    monkeypatch.setattr("gan_experiments.training.preflight.LARGE", 0)
    _, kept = _output_shapes("discriminator", Layers(), (2, 10), None)
    assert kept == 4 * (10 + 1000)


@pytest.mark.parametrize(
    ("overrides", "activations", "key"),
    [
        ([], {"generator": 3e9, "discriminator": 1e9}, "batch_size: training needs at least"),
        (["metrics.samples=100000000"], {}, "metrics.samples: "),
        (["callbacks.samples.count=100000000"], {}, "callbacks.samples.count: "),
        ([], {"generator": 1.0}, None),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tiny, tmp_path, monkeypatch, overrides, activations, key):
    config = tiny(*overrides)
    parts = build(config, RunFolder(tmp_path))
    monkeypatch.setattr(memory, "total_memory", lambda: memory.used_memory() + 2**30)
    problems = ""
    try:
        check_memory(parts, config, activations)
    except ConfigError as refused:
        problems = str(refused)
    assert problems.startswith(key) if key else not problems


def test_optimizers_keep_two_numbers_for_each_weight_or_one(tiny, tmp_path, monkeypatch):
    config = tiny("optimizer=adam")
    parts = build(config, RunFolder(tmp_path))
    size = sum(each.nbytes for each in parts.system.generator.parameters())
    assert memory._models(parts, config)["model.generator"] == 3 * size
    config = tiny("optimizer=wgan")
    assert memory._models(parts, config)["model.generator"] == 2 * size
