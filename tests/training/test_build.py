import pytest
from pytorch_lightning.callbacks import EarlyStopping, ModelSummary

from gan_experiments.core.types import ConfigError
from gan_experiments.training import build


def test_a_callback_that_waits_for_epochs_is_refused():
    built = [ModelSummary(), EarlyStopping("metrics/fid")]
    with pytest.raises(ConfigError) as refusal:
        build.refuse_callbacks_of_epochs({"a": {}, "b": {}}, built)
    (problem,) = refusal.value.problems
    assert problem.startswith("callbacks.b: EarlyStopping stops at the ends of epochs, and a run has one")
