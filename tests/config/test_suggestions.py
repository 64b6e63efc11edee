import pytest

from gan_experiments.config.files import conf_dir, own_files
from gan_experiments.config.suggestions import key_aliases, likely_keys, option_aliases
from gan_experiments.core.dotted import value_of

GROUPS = sorted(path.name for path in conf_dir().iterdir() if path.is_dir())


@pytest.mark.parametrize("group", GROUPS)
def test_no_other_name_is_that_of_an_option(group):
    assert not option_aliases(group).keys() & set(own_files("train").options(group))


def test_an_option_may_have_several_other_names():
    assert option_aliases("loss")["wgan"] == "wasserstein"
    assert option_aliases("metrics")["fid"] == option_aliases("metrics")["is"] == "native"


@pytest.mark.parametrize("name", ["train", "sample", "evaluate"])
def test_the_other_names_of_keys_lead_to_keys_that_exist(name):
    files = own_files(name)
    for alias, key in key_aliases(name).items():
        group = key.partition(".")[0]
        lines = [f"{group}={option}" for option in (files.options(group) if group in files.groups else [])]
        assert key in files.groups or any(
            has_key(files.compose([line] if line else []).config, key) for line in ["", *lines]
        ), alias


def has_key(config, key):
    parent, _, last = key.rpartition(".")
    return last in ((value_of(config, parent) if parent else config) or {}).keys()  # noqa: SIM118 - "in" hides "???"


def test_keys_are_known_by_the_words_of_other_frameworks():
    aliases = key_aliases("train")
    assert aliases["epochs"] == aliases["kimg"] == "budget.images"
    words = {"gamma": "penalty.r1.weight", "mirror": "dataset.horizontal_flip", "snap": "callbacks.checkpoint.every"}
    words |= {"cond": "conditioning", "cfg": "experiment", "aug": "augment", "batch": "batch_size"}
    assert words.items() <= aliases.items()
    assert key_aliases("sample")["trunc"] == "output.values"
    assert key_aliases("no such config") == {}


def test_a_neighbour_of_a_key_comes_before_another_name():
    aliases = {"flip": "dataset.horizontal_flip"}
    assert likely_keys("penalty.cr.flip", ["flips"], {}, aliases) == ["flips"]
    assert likely_keys("penalty.r1.flip", ["weight"], {}, aliases) == likely_keys("flip", ["flips"], {}, aliases)
