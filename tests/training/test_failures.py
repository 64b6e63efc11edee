import math

import numpy as np
import pytest

from gan_experiments.training import failures
from gan_experiments.training.failures import GRADIENT, ROWS, SPREADS, WINDOW


def strong(gradient, real=1.0, fake=1.0, ranking=1.0, rows=ROWS):
    series = {"accuracy/real": real, "accuracy/fake": fake, "accuracy/ranking": ranking, GRADIENT: gradient}
    return {name: [0.5] * 3 + [value] * rows for name, value in series.items()}


@pytest.mark.parametrize(("gradient", "word"), [(0.01, "vanished"), (40.0, "exploded"), (0.5, ""), (4.0, "")])
def test_a_discriminator_without_errors_is_too_strong_if_the_gradient_it_gives_changes(gradient, word):
    found = failures.discriminator_too_strong(strong(gradient), {GRADIENT: 1.0}, signed=True)
    assert (word in found) if word else found is None


@pytest.mark.parametrize(
    "series",
    [
        strong(0.01, fake=0.98),
        strong(0.01, real=0.98),
        strong(0.01, rows=ROWS - 1),
        {"accuracy/real": [], "accuracy/fake": []},
    ],
)
def test_a_discriminator_that_errs_is_not_too_strong(series):
    assert failures.discriminator_too_strong(series, {GRADIENT: 1.0}, signed=True) is None


def test_where_the_sign_of_an_output_means_nothing_its_rank_counts():
    series = strong(0.01, fake=0.0)
    assert failures.discriminator_too_strong(series, {GRADIENT: 1.0}, signed=False)
    assert failures.discriminator_too_strong(series | {"accuracy/ranking": [0.9] * 9}, {GRADIENT: 1.0}, False) is None


@pytest.mark.parametrize(
    ("spread", "largest", "progress", "collapsed"),
    [
        (0.005, 0.0, 0.0, True),
        (0.05, 0.0, 0.5, True),  # it has never been apart
        (0.05, 0.0, 0.15, False),  # that is how it began
        (0.2, 0.0, 0.5, False),
        (0.2, 1.0, 0.05, True),  # it has been
        (0.3, 1.0, 0.5, False),
        (0.3, 20.0, 0.5, False),  # points that become sharp
    ],
)
@pytest.mark.parametrize("name", SPREADS)
def test_samples_that_lie_close_are_a_collapse(name, spread, largest, progress, collapsed):
    series = {each: [1.0] * ROWS for each in SPREADS} | {name: [0.9] + [spread] * ROWS}
    series["accuracy/ranking"] = [1.0] + [0.8] * ROWS
    found = failures.mode_collapse(series, {name: largest}, progress)
    assert (found is not None) == collapsed
    if largest == 0.0 and spread > 0.01:  # where the discriminator makes no error, it is too strong
        always = series | {"accuracy/ranking": [1.0] * ROWS}
        assert failures.mode_collapse(always, {name: largest}, progress) is None
    series[name][-3] = 0.9
    assert failures.mode_collapse(series, {name: largest}, progress) is None


@pytest.mark.parametrize("rows", [4, 6, 10])
@pytest.mark.parametrize("growth", [1.0, 1.2])
def test_the_period_of_an_orbit_is_found_whether_or_not_it_grows(rows, growth):
    times = np.arange(WINDOW + 5)
    values = 5 + 0.1 * times + growth**times * np.sin(2 * math.pi * times / rows)
    assert abs(failures.period(values) - rows) <= 1
    assert failures.period(values[: WINDOW - 1]) is None


def test_noise_drift_and_walks_have_no_period():
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(500, WINDOW))
    found = [failures.period(values) is not None for values in noise]
    assert np.mean(found) < 0.02
    assert np.mean([failures.period(values) is not None for values in noise.cumsum(1)]) < 0.02
    for values in (np.exp(-np.arange(WINDOW) / 5), np.full(WINDOW, 3.0), np.full(WINDOW, math.nan)):
        assert failures.period(values) is None


def test_an_oscillation_is_one_of_both_losses():
    wave = list(np.sin(np.arange(WINDOW) * math.pi / 3))
    other = list(np.random.default_rng(1).normal(size=WINDOW))
    losses = failures.LOSSES
    assert "every 6 rows" in failures.oscillation(dict.fromkeys(losses, wave))
    assert failures.oscillation({losses[0]: wave, losses[1]: other}) is None
    assert failures.oscillation({losses[0]: [], losses[1]: wave}) is None  # a VAE has no discriminator


@pytest.mark.parametrize(
    ("copied", "real", "found"), [(0.5, 0.0, True), (0.1, 0.0, True), (1 / 64, 0.0, False), (0.2, 0.12, False)]
)
def test_more_copies_than_real_images_would_be_are_memorization(copied, real, found):
    assert (failures.memorization(copied, real, 64) is not None) == found
