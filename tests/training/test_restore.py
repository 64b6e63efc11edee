import pytest
import torch

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
