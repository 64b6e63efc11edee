import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from gan_experiments.config.compose import compose
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.equilibrium import EquilibriumStep


def config_of(*overrides):
    return OmegaConf.to_container(compose("stability", ["batch_size=4", *overrides]), resolve=True)


def test_the_state_is_all_that_a_step_changes():
    step = EquilibriumStep(config_of("penalty=lecam", "optimizer=adam"))
    state = step.at(np.array([0.3, -0.2]))
    assert len(state) == 2 + 2 + 2 * 2  # weights, averages of LeCam, two moments of each weight
    after = step(state)
    assert (step(state) == after).all()
    assert (after[:2] != state[:2]).all()
    assert (step(after) != after)[:2].all()


def test_a_step_is_that_of_a_run(tmp_path):
    """The weights of a training run, to the precision of float32."""
    overrides = ["dataset=dirac", "penalty=r1", "penalty.r1.interval=1", "optimizer=sgd", "batch_size=4"]
    config = OmegaConf.to_container(compose("train", [*overrides, "budget.images=12"]), resolve=True)
    config["metrics"] = config["metrics"] | {"measures": {}}
    parts = build(config, RunFolder(tmp_path / "run"))
    weights = [parts.system.generator.point, parts.system.discriminator.weight]
    state = torch.cat([weight.detach().flatten() for weight in weights]).double().numpy()
    parts.trainer.fit(parts.system, datamodule=parts.data)
    step = EquilibriumStep(config_of("penalty=r1", "penalty.r1.interval=1"))
    for _ in range(3):
        state = step(state)
    assert state == pytest.approx([weight.item() for weight in weights], rel=1e-5)


def test_the_known_solution_is_one_of_the_generator():
    step = EquilibriumStep(config_of("dataset=gaussian", "model=linear_quadratic", "dataset.stds=[0.1,0.2]"))
    first, second, *rest = step.start()
    assert (abs(first), abs(second)) == pytest.approx((0.0, 0.2))
    assert not any(rest)


def test_a_run_stays_where_nothing_pulls():
    step = EquilibriumStep(
        config_of("loss=wasserstein", "optimizer.generator.lr=1e-9", "optimizer.discriminator.lr=1e-9")
    )
    assert step.run(np.zeros(2), distance=0.1, steps=20) == pytest.approx([0.1] * 20, rel=1e-6)
