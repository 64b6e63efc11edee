import pytest
import quick_hydra
import quick_loader
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from gan_experiments.config.files import VERSION_BASE, ConfigFiles, UserFolder, conf_dir, own_choices, own_files
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
        composed = ConfigFiles("mine", user).compose(["loss=mine", *choices])
        return [OmegaConf.to_yaml(part) for part in (composed.config, composed.hydra)]

    quick = [composed("model=sagan"), composed("model=sagan", "experiment=wgan_gp"), composed("model=sagan")]
    quick_hydra.make_as_it_was(monkeypatch)
    assert quick[0] == quick[2] == composed("model=sagan")
    assert "extra: 3" in quick[0][0]


def test_files_that_are_read_once_compose_as_when_hydra_reads_them_each_time(tmp_path):
    """Also after a composition that had its defaults changed, and with files of a launcher, which Hydra has stored."""
    lines = [
        [],
        ["experiment=stylegan2_ada_cifar10", "hydra/launcher=joblib"],
        ["penalty=[r1,lecam]", "study=losses"],
        [],
    ]
    loader = ConfigFiles("train", tmp_path).loader
    quick = [type(loader).load_configuration(loader, "train", each, RunMode.RUN) for each in lines]
    with initialize_config_dir(config_dir=str(conf_dir()), job_name="gan", version_base=VERSION_BASE):
        alone = GlobalHydra.instance().config_loader()
        for config, each in zip(quick, lines, strict=True):
            expected = alone.load_configuration("train", each, RunMode.RUN)
            config.hydra.runtime.config_sources = expected.hydra.runtime.config_sources  # has tmp_path
            assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(expected)


SEARCH = [
    "hydra/sweeper=optuna",
    "hydra.sweeper.n_trials=2",
    "hydra.job.chdir=false",
    "+hydra.sweeper.better.fid=lower",
]


@pytest.mark.parametrize("mode", RunMode)
@pytest.mark.parametrize("own", [True, False], ids=["own", "users"])
def test_the_tests_set_values_in_what_hydra_has_put_together_as_hydra_does(monkeypatch, folder, mode, own):
    """See tests/helpers/quick_loader.py."""
    loader = own_files("train").loader if own else ConfigFiles("train", folder(loss__mine="x: 1")).loader
    lines = [
        [],
        ["loss=hinge", "seed=3", "optimizer.generator={lr:3}", "model.generator.channels=[1,2]", "seed=4"],
        [*SEARCH, "+extra.key=1", "penalty=[r1,lecam]", "experiment=wgan_gp", "name='a=b'"],
        ["++extra.key=1", "++seed=5", "~callbacks.samples", "~optimizer.generator.betas", "~seed", "+seed=3"],
        ["study=losses", *SEARCH, "seed=1", "hydra.sweep.dir=x", "loss=wasserstein"],
        ["model=sagan", *SEARCH, "conditioning=acgan", "dataset=ring", "dataset_defaults=ring", "d_steps=3"],
    ]
    for folder_of_process in ("/", str(conf_dir())):
        monkeypatch.chdir(folder_of_process)
        for each in lines:
            quick = quick_loader.composed(loader, "train", each, mode)
            expected = type(loader).load_configuration(loader, "train", each, mode)
            assert OmegaConf.to_yaml(quick) == OmegaConf.to_yaml(expected)
            assert OmegaConf.is_struct(quick)
            assert OmegaConf.get_type(quick.hydra.job) is OmegaConf.get_type(expected.hydra.job)


@pytest.mark.parametrize(
    "line",
    [
        *("seed=1,2", "+seed=1", "~loss", "nowhere=1", "++loss=x", "seed=[", "seed.x=1", "~seed=0", "~nowhere"),
        *("loss=nowhere", "loss=mine", "+loss=hinge", "+size=small", "loss={x: 1}", "loss=null"),
        *("hydra.job.env_copy=[HOME]", "hydra.searchpath=[file:///]"),
    ],
)
def test_other_overrides_are_left_to_hydra(folder, line):
    loader = ConfigFiles("train", folder(loss__mine="x: 1", size__small="x: 1")).loader
    assert quick_loader.composed(loader, "train", [line], RunMode.RUN) is None


@pytest.mark.parametrize("file", ["loss__hinge", "hydra__anything", "train"])
def test_a_folder_with_files_called_as_ours_is_left_to_hydra(monkeypatch, folder, file):
    loader = ConfigFiles("train", folder(**{file: "x: 1"})).loader
    monkeypatch.setattr(quick_loader, "composed", lambda *_: "quick")
    assert loader.load_configuration("train", [], RunMode.RUN) != "quick"
    assert own_files("train").loader.load_configuration("train", [], RunMode.RUN) == "quick"


def test_a_file_called_as_ours_that_would_be_read_is_named(folder):
    """Whether chosen by itself, from a list, by another file, or as the root; not if it is a copy, or not chosen."""
    hinge = (conf_dir() / "loss" / "hinge.yaml").read_text(encoding="utf-8")
    user = folder(
        loss__hinge="_target_: a.B",
        loss__wasserstein=hinge,
        loss__mine="defaults: [hinge]",
        loss__non_saturating=(conf_dir() / "loss" / "non_saturating.yaml").read_text(encoding="utf-8"),
        penalty__lecam="x: 1",
    )
    files = ConfigFiles("train", user)

    def said(name):
        return f"{user}/{name}.yaml is not read: this project has an option of that name; rename it"

    assert files.compose([]).unread == ()
    assert files.compose(["loss=mine"]).unread == (said("loss/hinge"),)
    assert files.compose(["loss=hinge", "penalty=[lecam,r1]"]).unread == (said("loss/hinge"), said("penalty/lecam"))
    assert files.compose(["loss=hinge"]).config == own_files("train").compose(["loss=hinge"]).config
    assert own_files("train").compose(["loss=hinge"]).unread == ()
    (unread,) = ConfigFiles("train", folder(train="seed: 7")).compose([]).unread
    assert unread == f"{user}/train.yaml is not read: this project has a config of that name; rename it"


def test_files_where_options_of_hydra_would_be_are_named(folder):
    user = folder(hydra__launcher__joblib="n_jobs: 2", hydra__mine="x: 1", loss__mine="x: 1")
    (unread,) = ConfigFiles("train", user).compose([]).unread
    where = "on the command line (hydra.launcher.n_jobs=2), or below hydra: in an experiment or a study"
    files = f"{user}/hydra/launcher/joblib.yaml, {user}/hydra/mine.yaml"
    assert unread == f"{files}: not read; options of Hydra's are set {where}"


def test_each_copy_of_a_config_asks_for_the_time_and_changes_no_other(folder):
    files = ConfigFiles("mine", folder(mine="defaults: [train, _self_]\nname: ${hydra:run.dir}"))
    composed = files.compose(["hydra.run.dir='${now:%f}'"])
    first = composed.copy()
    microseconds = first.name
    assert first.name == microseconds
    first.loss.clear()
    second = composed.copy()
    assert second.name != microseconds
    assert second.loss == composed.config.loss != first.loss
