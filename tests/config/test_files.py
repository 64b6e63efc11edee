import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from omegaconf.base import Metadata
from quick_hydra import ORIGINALS

from gan_experiments.config.files import ConfigFiles, UserFolder, conf_dir, own_choices, own_files
from gan_experiments.core.types import ConfigError


def test_what_is_there_to_be_inherited_is_no_option():
    assert (conf_dir() / "dataset" / "base.yaml").is_file()
    assert "base" not in own_files("train").options("dataset")
    assert own_files("train").has_option("loss", "hinge")
    assert not own_files("train").has_option("loss", "hing")
    assert own_files("train").options("nothing") == []


@pytest.mark.parametrize(
    ("name", "key", "group"), [("train", "loss", True), ("train", "seed", False), ("compare", "study", False)]
)
def test_groups_are_told_from_keys(name, key, group):
    assert (key in own_files(name).groups) is group


def test_a_folder_of_the_user_adds_options_and_leaves_hydra_as_it_was(folder):
    before = GlobalHydra.instance().hydra
    files = ConfigFiles("train", folder(loss__mine="_target_: a.B\nx: 1"))
    assert {"mine", "hinge"} <= set(files.options("loss"))
    assert files.compose(["loss=mine"]).config.loss.x == 1
    assert (GlobalHydra.instance().hydra, UserFolder.path) == (before, None)
    assert "mine" not in own_files("train").options("loss")


def test_a_folder_or_a_root_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="there is no folder"):
        ConfigFiles("train", tmp_path / "none")
    with pytest.raises(ConfigError, match="there is no config 'trian'"):
        ConfigFiles("trian", tmp_path)


def test_the_options_of_hydras_own_groups_are_left_out():
    assert own_choices({"loss": "hinge", "hydra/launcher": "joblib", "hydra": "default"}) == {"loss": "hinge"}


def test_the_tests_compose_what_hydra_does(monkeypatch, folder):
    """With tests/helpers/quick_hydra.py, twice, also where a list of defaults looks into the choices, and without."""
    user = folder(
        loss__mine="defaults: [hinge]", mine="defaults: [train, {/penalty@loss: '${model}'}, _self_]\nseed: 5"
    )
    (user / "penalty").mkdir()
    (user / "penalty" / "sagan.yaml").write_text("extra: 3")

    def composed(*choices):
        return [OmegaConf.to_yaml(part) for part in ConfigFiles("mine", user).compose(["loss=mine", *choices])]

    quick = [composed("model=sagan"), composed("model=sagan", "experiment=wgan_gp"), composed("model=sagan")]
    for original in ORIGINALS:
        monkeypatch.setattr(*original)
    monkeypatch.delattr(Metadata, "__deepcopy__")
    assert quick[0] == quick[2] == composed("model=sagan")
    assert "extra: 3" in quick[0][0]
