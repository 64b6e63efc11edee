import importlib
import pkgutil
from typing import get_origin

import pytest

from gan_experiments import metrics
from gan_experiments.metrics.directions import directions
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.measure import Measure

MODULES = [
    importlib.import_module(f"{metrics.__name__}.{found.name}") for found in pkgutil.iter_modules(metrics.__path__)
]
MEASURES = {
    each
    for module in MODULES
    for each in vars(module).values()
    if isinstance(each, type) and not get_origin(each) and issubclass(each, (FeatureMeasure, Measure)) and each.values
}


@pytest.mark.parametrize("measure", sorted(MEASURES, key=lambda each: each.__name__))
def test_every_measure_says_the_direction_of_every_value(measure):
    assert set(directions(measure)) == set(measure.values)


def test_directions():
    known = {name: higher for measure in MEASURES for name, higher in directions(measure).items()}
    lower = {name for name, higher in known.items() if not higher}
    assert lower == {
        "fid", "fid_infinity", "class_fid", "class_fid_worst", "kid", "kid_spread", "reverse_kl",
        "reverse_kl_high_quality", "memorization", "cycle_error", "equilibrium_distance", "lpips", "lpips_classical",
        "lpips_input", "cmmd", "mind", "ms_ssim", "ppl", "swd", "swd_16", "swd_32", "swd_64", "swd_128", "swd_256",
        "swd_512", "swd_1024",
    }  # fmt: skip
    assert known.keys() - lower == {
        "is", "precision", "recall", "density", "coverage", "modes", "cas", "cas_real", "few", "few_gain",
        "lpips_diversity", "memorization_z", "modes_published", "modes_any", "label_kept", "label_kept_answer", "psnr",
        "psnr_classical", "psnr_input", "ssim", "ssim_classical", "ssim_input", "authpct", "fls",
        "prd_precision", "prd_recall", "vendi", "eq_t", "eq_t_frac", "eq_r",
    }  # fmt: skip


def test_a_measure_that_does_not_say_has_no_direction():
    assert directions(FeatureMeasure) == {}
