import pytest

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.sizes import stages

KNOWN = {16: (4, 2), 8: (2, 2)}


def test_a_supported_size_has_its_stages():
    assert stages("net", DataFacts("images", 16, 3), KNOWN) == ((4, 4), 2)


@pytest.mark.parametrize(("size", "hint"), [(9, ""), (1, "; for points take model=mlp metrics=known_distribution")])
def test_another_size_is_refused_with_those_that_are_supported(size, hint):
    with pytest.raises(ConfigError) as refusal:
        stages("net", DataFacts("images", size, 3), KNOWN)
    assert refusal.value.problems == [f"model: net supports image sizes 8, 16; images has {size}{hint}"]
