import pytest
from pytorch_lightning.utilities import rank_zero_only

from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.base import RunLogger, ServiceLogger
from gan_experiments.training.loggers.csv_table import MetricsTable
from gan_experiments.training.loggers.mlflow import MLflow
from gan_experiments.training.loggers.tensorboard import TensorBoard
from gan_experiments.training.loggers.wandb import WeightsAndBiases
from gan_experiments.training.train import train


class Memory(RunLogger):
    """A logger of the user's, which keeps everything."""

    kept = []  # noqa: RUF012 - the test reads it

    name, version = "memory", ""

    def __init__(self, run):
        super().__init__()

    def log_hyperparams(self, *args, **kwargs):
        pass

    @rank_zero_only
    def log_metrics(self, metrics, step=None):
        self.kept.append(("scalars", step))

    def log_image(self, name, image, step):
        self.kept.append((name, step, image.dtype.itemsize, image.shape[0]))

    def log_comparison(self, config, metrics, overrides=()):
        self.kept.append(("comparison", "loss" in config, "metrics" in config, metrics, overrides))

    def rewind(self, images_seen):
        self.kept.append(("rewind", images_seen))


def test_another_logger_receives_images_and_settings_too(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Memory, "kept", [])
    config, run = tiny("budget.images=32", "metrics=none"), RunFolder(tmp_path)
    config["logger"] = {"memory": {"_target_": f"{__name__}.Memory"}}
    run.update_record(overrides=["seed=1", "+penalty.r1.weight=2"])
    train(config, run)
    assert Memory.kept == [
        ("rewind", -1),
        ("comparison", True, False, [], ["seed", "penalty.r1.weight"]),
        ("samples", 0, 1, 3),
        ("scalars", 16),
        ("scalars", 32),
        ("samples", 32, 1, 3),
    ]


@pytest.mark.parametrize("cls", [MLflow, WeightsAndBiases])
def test_a_run_of_several_processes_is_not_begun_by_each(cls, tmp_path):
    assert not hasattr(cls(RunFolder(tmp_path / "run")), "experiment")  # which Lightning asks for in every process


@pytest.mark.parametrize("forgotten", ["begin", "finish", "put_scalars"])
def test_a_service_without_one_of_its_methods_cannot_be_built(forgotten, tmp_path):
    methods = dict.fromkeys(ServiceLogger.__abstractmethods__, lambda self, *_: None)
    assert type("Whole", (ServiceLogger,), methods)(RunFolder(tmp_path))._run is None
    del methods[forgotten]
    with pytest.raises(TypeError, match=forgotten):
        type("Half", (ServiceLogger,), methods)(RunFolder(tmp_path))


@pytest.mark.parametrize("cls", [MetricsTable, TensorBoard, MLflow, WeightsAndBiases])
def test_building_a_logger_creates_no_file(cls, tmp_path):
    logger = cls(RunFolder(tmp_path / "run"))
    assert isinstance(logger, RunLogger)
    assert not (tmp_path / "run").exists()


def test_everything_but_scalars_is_optional(tmp_path):
    logger = MetricsTable(RunFolder(tmp_path / "run"))
    logger.log_image("samples", None, 0)
    logger.log_comparison({}, [])
    assert not (tmp_path / "run").exists()
