import pytest

from gan_experiments.config.files import conf_dir, own_files
from gan_experiments.config.suggestions import key_aliases, option_aliases
from gan_experiments.core.dotted import value_of

GROUPS = sorted(path.name for path in conf_dir().iterdir() if path.is_dir())


@pytest.mark.parametrize("group", GROUPS)
def test_no_other_name_is_that_of_an_option(group):
    assert not option_aliases(group).keys() & set(own_files("train").options(group))


def test_an_option_may_have_several_other_names():
    assert option_aliases("loss")["wgan"] == "wasserstein"
    assert option_aliases("metrics")["fid"] == option_aliases("metrics")["is"] == "native"


def test_the_other_names_of_keys_lead_to_keys_that_exist():
    aliases = key_aliases("train")
    assert aliases["epochs"] == aliases["kimg"] == "budget.images"
    config = own_files("train").compose([]).config
    assert all(value_of(config, key) is not None for key in aliases.values())
    assert key_aliases("no such config") == {}
