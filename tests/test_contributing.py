"""The loss that CONTRIBUTING.md adds works as described."""

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import yaml

from gan_experiments.core.checks import ConfigView

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()


def block(path):
    """Return the code block that follows the path of its file."""
    return re.search(rf"`{re.escape(path)}`.*?\n```\w+\n(.*?)```", TEXT, re.DOTALL)[1]


@pytest.fixture
def loss(monkeypatch):
    module = ModuleType("gan_experiments.losses.powered_hinge")
    exec(block("gan_experiments/losses/powered_hinge.py"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.PoweredHinge


def test_the_yaml_lists_every_argument_with_its_default(loss):
    config = yaml.safe_load(block("conf/loss/powered_hinge.yaml"))
    assert config.pop("_target_") == "gan_experiments.losses.powered_hinge.PoweredHinge"
    assert config == {name: parameter.default for name, parameter in inspect.signature(loss).parameters.items()}


def test_its_test_passes(loss):
    names = {}
    exec(block("tests/losses/test_powered_hinge.py"), names)
    (test,) = [value for name, value in names.items() if name.startswith("test_")]
    real, fake = np.linspace(-3.0, 3.0, 7), np.linspace(-2.0, 4.0, 7)
    test((torch.tensor(real), torch.tensor(fake), real, fake))


@pytest.mark.parametrize(("options", "warnings"), [({"margin": 1.0, "power": 1}, 1), ({"margin": 1.0, "power": 3}, 0)])
def test_its_check_warns_of_a_power_that_is_another_loss(loss, options, warnings):
    problems = list(loss.check("loss", options, ConfigView({"loss": options}, {"loss": loss})))
    assert len(problems) == warnings
    assert all(problem.warning and problem.key == "loss.power" for problem in problems)
