import numpy as np
import pytest
from scipy import stats

from gan_experiments.comparison.spending import level_of_look, p_of_study

LOOKS = (6, 8, 11, 15, 20)


def test_one_look_is_the_fixed_design():
    assert level_of_look((20,), 0, 0.05) == pytest.approx(0.05)
    assert p_of_study((20,), 0, 0.03) == pytest.approx(0.03, rel=1e-3)


def test_the_first_look_spends_its_share():
    assert level_of_look(LOOKS, 0, 0.05) == pytest.approx(0.05 * 0.3**3, rel=1e-3)


def test_the_looks_together_hold_the_level():
    """Of 200,000 paths of sums of normal values, each watched at every look."""
    paths = np.random.default_rng(0).standard_normal((200_000, 20)).cumsum(1)
    values = np.stack([2 * stats.norm.sf(np.abs(paths[:, n - 1]) / n**0.5) for n in LOOKS], axis=1)
    for alpha in (0.05, 0.01):
        levels = [level_of_look(LOOKS, index, alpha) for index in range(5)]
        crossed = np.logical_or.accumulate(values <= levels, axis=1).mean(0)
        expected = alpha * (np.array(LOOKS) / 20) ** 3
        assert crossed == pytest.approx(expected, abs=4 * (alpha / 200_000) ** 0.5)


def test_a_p_value_of_the_study_is_the_level_at_which_its_look_rejects():
    for index in range(5):
        for alpha in (1e-6, 0.004, 0.05, 0.3):
            assert p_of_study(LOOKS, index, level_of_look(LOOKS, index, alpha)) == pytest.approx(alpha, rel=1e-6)
    assert p_of_study(LOOKS, 4, 1.0) == 1.0
    assert p_of_study(LOOKS, 4, 1e-12) == pytest.approx(1e-12, rel=0.1)
