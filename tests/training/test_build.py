import pytest
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelSummary
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.measure import Measure, named
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training import build


def test_a_callback_that_waits_for_epochs_is_refused():
    built = [ModelSummary(), EarlyStopping("metrics/fid")]
    with pytest.raises(ConfigError) as refusal:
        build.refuse_callbacks_of_epochs({"a": {}, "b": {}}, built)
    (problem,) = refusal.value.problems
    assert problem.startswith("callbacks.b: EarlyStopping stops at the ends of epochs, and a run has one")


@pytest.mark.parametrize(("devices", "strategy"), [(1, "auto"), ("auto", "auto"), (2, "auto"), (2, "ddp")])
def test_several_processes_need_no_strategy(tiny, tmp_path, devices, strategy):
    """Lightning's own for them has no unused parameters, which there are: each step trains one network."""
    trainer = tiny(f"trainer.devices={devices}", f"trainer.strategy={strategy}")["trainer"]
    made = build.build_trainer(trainer, [], [], RunFolder(tmp_path)).strategy
    assert type(made) is (DDPStrategy if devices == 2 else SingleDeviceStrategy)
    assert devices != 2 or made._ddp_kwargs["find_unused_parameters"]


class Brightness(Measure):
    """Returns one value, and declares two."""

    values = ("bright", "dark")

    def update(self, images, real=False, labels=None): ...

    def compute(self):
        return 1.0


def test_a_measure_that_returns_other_values_is_named_by_its_key(tiny):
    metrics = tiny("metrics=native")["metrics"] | {"measures": {"mine": {"_target_": f"{__name__}.Brightness"}}}
    evaluator = build.build_evaluator(metrics, build.build_data(tiny()), 0, labelled=False)
    with pytest.raises(ConfigError, match=r"^metrics\.measures\.mine: Brightness\.compute returned 1 value, but"):
        evaluator.measures["mine"].scores()
    bound = evaluator.features["fid"].bound(PartitionedFeatures(FeatureSet(), torch.zeros(0), []), 0)
    with pytest.raises(ConfigError, match=r"^metrics\.features\.fid: FID\.compare returned distance, but"):
        named(bound, "compare", {"distance": 1.0})
