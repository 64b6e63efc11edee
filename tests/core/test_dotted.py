import pytest

from gan_experiments.core.dotted import distinct, flatten, value_of

CONFIG = {"loss": {"margin": None}, "optimizer": {"generator": {"betas": [0.0, 0.99]}}, "grid": [[1, 2], [3, 4]]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("loss", {"margin": None}),
        ("loss.margin", None),
        ("optimizer.generator.betas", [0.0, 0.99]),
        ("optimizer.generator.betas[1]", 0.99),
        ("grid[1][0]", 3),
    ],
)
def test_a_dotted_key_leads_to_its_value(key, value):
    assert value_of(CONFIG, key, "absent") == value


@pytest.mark.parametrize(
    "key", ["", "lose", "loss.margin.low", "optimizer.generator.betas[2]", "optimizer.generator.betas.first", "loss[0]"]
)
def test_a_key_that_is_absent_gives_the_default(key):
    assert value_of(CONFIG, key) is None
    assert value_of(CONFIG, key, "absent") == "absent"


@pytest.mark.parametrize("config", [None, 3, "text", [1]])
def test_what_is_not_a_mapping_has_no_keys(config):
    assert value_of(config, "key") is None


def test_flat_keys():
    nested = {"a": {"b": 1, "c": {}, "d": [1, {"e": 2}]}, "f": None}
    assert flatten(nested) == {"a.b": 1, "a.c": {}, "a.d": [1, {"e": 2}], "f": None}


def test_a_value_that_several_configs_hold_is_counted_once():
    shared = [1, 2]
    configs = [{"a": shared, "b": 1}, {"a": shared, "b": 1.0}, {"a": [1, 2], "b": True}, {"b": 1}]
    assert list(distinct(configs, "a")) == [shared, [1, 2], None]
    assert list(map(repr, distinct(configs, "b", 0))) == ["1", "1.0", "True"], "equal values are not the same"
