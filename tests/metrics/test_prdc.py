import pytest
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.prdc import PRDC


def test_a_set_with_itself():
    data = source()
    values = evaluator(data, features={"prdc": PRDC()})(from_tensor(data.images), 500)
    assert (values["precision"], values["recall"], values["coverage"]) == (1, 1, 1)
    assert values["density"] == pytest.approx(1, abs=0.05)


def test_options_are_in_the_provenance():
    provenance = evaluator(features={"prdc": PRDC(neighbours=4)}).provenance()["features"]
    described = {"values": list(PRDC.values), "higher_is_better": dict.fromkeys(PRDC.values, True)}
    assert provenance == {"prdc": described | {"neighbours": 4, "density_neighbours": 5}}


def test_it_cannot_choose_the_best_checkpoint():
    with pytest.raises(ConfigError, match=r"can choose the best checkpoint; add fid: metrics=\[native,\.\.\.\]"):
        _ = evaluator(features={"prdc": PRDC()}).selection
