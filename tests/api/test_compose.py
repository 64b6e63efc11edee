import json
import warnings

import pytest
from tiny import tiny_overrides

from gan_experiments.api.compose import ComposedConfig, compose, edited_request
from gan_experiments.core.types import ConfigError


def test_a_config_is_plain_and_resolved():
    config = compose(["model=mlp", "seed=3"])
    assert config["seed"] == 3
    assert config["model"]["generator"]["_target_"].endswith("MLPGenerator")
    assert json.loads(json.dumps(config)) == dict(config)
    assert "${" not in json.dumps(config)


def test_it_is_the_config_of_the_command(tiny):
    assert dict(compose(tiny_overrides("loss=hinge"))) == tiny("loss=hinge")


def test_a_single_string_is_one_override():
    assert compose("seed=4")["seed"] == 4


@pytest.mark.parametrize(
    ("overrides", "problems"),
    [
        (["model=dcgn", "batch_size=abc"], ["model: no option 'dcgn'", "batch_size: 'abc' is not an integer >= 1"]),
        (["penalty=r1", "penalty.r1.weight=-1", "model.generator.channels=0"],
         ["penalty.r1.weight: -1 is not", "model.generator.channels: 0 is not"]),
        (["loss=hinge,wasserstein"], ["loss: 2 values"]),
        (["hydra.sweep.dir=x", "study=losses"], ["hydra.sweep.dir: belongs to a sweep", "study: belongs to a sweep"]),
        (["seed"], ["'seed' is not of the form key=value"]),
    ],
)  # fmt: skip
def test_every_problem_is_listed(overrides, problems):
    with pytest.raises(ConfigError) as error:
        compose(overrides)
    for problem in problems:
        assert any(line.startswith(problem) for line in error.value.problems), error.value.problems


def test_what_is_dubious_is_a_warning():
    with pytest.warns(UserWarning, match=r"discriminator\.norm: 'batch'") as warned:
        compose(["penalty=wgan_gp", "model.discriminator.norm=batch"])
    assert warned[0].filename == __file__


def test_a_file_that_one_of_ours_hides_is_a_warning(tmp_path):
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "hinge.yaml").write_text("_target_: gan_experiments.losses.hinge.Hinge\nx: 5\n")
    with pytest.warns(UserWarning, match=r"loss/hinge\.yaml is not read: .*; rename it"):
        config = compose(["loss=hinge"], config_dir=tmp_path)
    assert config["loss"] == compose(["loss=hinge"])["loss"]


def test_a_folder_of_configs_and_a_trusted_package(tmp_path, monkeypatch):
    package = tmp_path / "my_losses"
    package.mkdir()
    (package / "__init__.py").write_text("from gan_experiments.losses.hinge import Hinge\nclass Mine(Hinge): ...\n")
    (tmp_path / "conf" / "loss").mkdir(parents=True)
    (tmp_path / "conf" / "loss" / "mine.yaml").write_text("_target_: my_losses.Mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"loss\._target_"):
        compose(["loss=mine"], config_dir=tmp_path / "conf")
    config = compose(["loss=mine"], config_dir=tmp_path / "conf", trusted=["my_losses"])
    assert config["loss"] == {"_target_": "my_losses.Mine"}
    assert edited_request(config).config["trusted"] == ["my_losses"]


def test_all_packages_to_trust_are_one_line():
    """With those that are trusted already; a package that cannot be trusted has a line of its own."""
    lines = [f"+penalty.{name}={{_target_: mine.penalties.{name.title()}}}" for name in ("one", "two", "three")]
    with pytest.raises(ConfigError) as caught:
        compose([*lines, "loss._target_=other.Loss", "optimizer.generator._target_=os.system"], trusted=["kept"])
    problems = caught.value.problems
    keys = ["loss._target_", *(f"penalty.{name}._target_" for name in ("one", "two", "three"))]
    text = "classes of packages that a config may not name; if they are yours, add trusted=[kept,other,mine]"
    assert problems[0] == f"{', '.join(keys)}: {text}"
    assert problems[1].startswith("optimizer.generator._target_: 'os.system' is not in the packages")
    assert len(problems) == 2
    with pytest.raises(ConfigError) as caught:
        compose(["loss._target_=other.Loss"], trusted=["kept"])
    (problem,) = caught.value.problems
    assert problem.startswith("loss._target_: 'other.Loss' is not in the packages a config may name (gan_experiments,")
    assert problem.endswith("; if other is yours, add trusted=[kept,other]")


def test_edits_become_overrides():
    config = compose(["model=mlp", "loss=hinge"])
    assert isinstance(config, ComposedConfig)
    request = edited_request(config)
    assert (request.overrides, request.choices["loss"]) == (["model=mlp", "loss=hinge"], "hinge")
    config["seed"] = 5
    config["loss"] = {"_target_": "gan_experiments.losses.minimax.Minimax"}
    request = edited_request(config)
    assert request.config["seed"] == 5
    edits = ['loss._target_="gan_experiments.losses.minimax.Minimax"', "seed=5"]
    assert sorted(request.overrides) == sorted(["model=mlp", "loss=hinge", *edits])
    assert "loss" not in request.choices
    assert request.choices["model"] == "mlp"


def test_a_config_from_elsewhere_is_described_by_how_it_differs_from_the_defaults():
    request = edited_request(json.loads(json.dumps({**compose(), "seed": 7})))
    assert request.overrides == ["seed=7"]


def test_a_config_from_elsewhere_trusts_nothing():
    config = {**compose(), "trusted": ["os"], "loss": {"_target_": "os.system"}}
    with pytest.raises(ConfigError, match=r"os\.system"):
        edited_request(config)


def test_an_edited_config_is_checked():
    config = compose()
    config["seed"], config["batchsize"] = -1, 3
    with pytest.raises(ConfigError) as error:
        edited_request(config)
    assert len(error.value.problems) == 2


def test_valid_configs_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compose()
