import dataclasses

import pytest

from gan_experiments.core.estimate import Estimate


def test_what_is_not_known_is_not_written():
    estimate = Estimate(1.5, margin=0.25, higher_is_better=False)
    assert estimate.plain() == {"value": 1.5, "margin": 0.25, "higher_is_better": False}
    assert Estimate(**estimate.plain()) == estimate


def test_it_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Estimate(1.5).value = 2.0
