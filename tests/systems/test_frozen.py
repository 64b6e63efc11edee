import pytest
import torch
from torch import nn

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.train import fit as fit_parts
from gan_experiments.training.train import prepare

CASES = {
    "batch norm": (["loss=minimax"], "discriminator", 2),
    "spectral norm": (["model=sndcgan"], "discriminator", 3),
    "patterns": ([], "generator", ["layers.0", "layers.2"]),
    "clipping": (["penalty=weight_clipping", "model.discriminator.norm=none"], "discriminator", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_frozen_parts_stay_as_they_are(tiny, tmp_path, case):
    overrides, network, chosen = CASES[case]
    run = RunFolder(tmp_path / "run")
    config = tiny("metrics=none", *overrides, f"freeze.{network}={chosen}")
    parts = prepare(config, run)
    system = parts.system
    before = {name: value.clone() for name, value in system.state_dict().items()}
    run.write_config(config)
    assert fit_parts(parts, config, run) == 0
    frozen = tuple(f"{part}." for part in system.frozen)
    after = load_checkpoint(run.checkpoint("last"))["state_dict"]
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    kept = {name for name in before if name.startswith(frozen)}
    assert kept
    assert not changed & kept
    trained = {name for name, _ in system.named_parameters() if name.startswith(f"{network}.")} - kept
    assert len(changed & trained) > len(trained) / 2
    in_optimizer = {
        id(weight) for optimizer in parts.trainer.optimizers for weight in optimizer.param_groups[0]["params"]
    }
    assert not any(id(weight) in in_optimizer for name, weight in system.named_parameters() if name in kept)
    modules = dict(system.named_modules())
    assert all(not modules[name.removesuffix(".")].training for name in frozen if name.removesuffix(".") in modules)
    assert modules[f"{network}"].training


def test_a_frozen_network_is_refused(tiny, tmp_path):
    run = RunFolder(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"freeze.discriminator: nothing of the discriminator is left to train"):
        build(tiny("metrics=none", "freeze.discriminator=['*']"), run)
    with pytest.raises(ConfigError, match=r"freeze.discriminator: 9, but DCGANDiscriminator has \d blocks"):
        build(tiny("metrics=none", "freeze.discriminator=9"), run)


def test_the_decoder_of_a_vae_can_be_frozen_in_part(tiny, tmp_path):
    config = tiny("metrics=none", "model=mlp_vae", "freeze.generator=1")
    system = build(config, RunFolder(tmp_path)).system
    last = dict(system.generator.named_modules())["layers.2"]
    assert isinstance(last, nn.Linear)
    (optimizer,) = system.configure_optimizers()
    assert not any(weight is last.weight for weight in optimizer.param_groups[0]["params"])
