import pytest
import torch
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.inception_score import InceptionScore
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.known_distribution import KnownDistributionMetric
from gan_experiments.metrics.prd import PRD
from gan_experiments.metrics.prdc import PRDC


def test_two_measures_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two measures have values called precision, recall"):
        evaluator(features={"prdc": PRDC()}, measures={"known_distribution": KnownDistributionMetric()})


@pytest.mark.parametrize(
    ("measure", "needed", "hint"),
    [
        (KID(), 1000, r" \(metrics\.features\.name\.subset_size\)"),
        (PRDC(neighbours=10), 11, ""),
        (InceptionScore(), 10, r" \(metrics\.features\.name\.splits\)"),
        (PRD(), 20, r" \(metrics\.features\.name\.clusters\)"),
        (FID(), 2, ""),
    ],
)
def test_too_few_images_are_refused_with_the_number_needed(measure, needed, hint):
    measured = evaluator(features={"name": measure})
    measured.check(needed, "metrics.samples")
    problem = f"metrics.samples: {needed - 1} generated images are too few for name, which needs {needed}{hint}"
    with pytest.raises(ConfigError, match=f"^{problem}$"):
        measured.check(needed - 1, "metrics.samples")
    with pytest.raises(
        ConfigError, match=f"{needed - 1} images in pixels are too few for name, which needs {needed}{hint}$"
    ):
        evaluator(source(count=needed - 1), features={"name": measure}).prepare()


@pytest.mark.parametrize(
    ("generated", "real", "short"),
    [(4, 500, "4 generated images:"), (5, 4, "4 real images:"), (4, 4, "4 generated images and 4 real images:")],
)
def test_rank_deficient_covariances_are_logged_once(caplog, generated, real, short):
    measure, sample = evaluator(source(count=real), features={"fid": FID()}), from_tensor(source(seed=1).images)
    for _ in range(2):
        measure(sample, generated)
    (line,) = caplog.messages
    assert f"rank-deficient covariances, from {short}" in line
    assert line.endswith("; 5 images give full rank")
    evaluator(source(count=4), features={"kid": KID(subsets=2, subset_size=2)})(sample, 4)
    evaluator(source(count=5), features={"fid": FID()})(sample, 5)
    assert caplog.messages == [line]


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        (torch.zeros(20, 3, 2, 2, dtype=torch.uint8), "have 3 channels, those of pixels 1"),
        (torch.zeros(20, 1, 4, 2, dtype=torch.uint8), "have 4 pixels in height, those of pixels 2"),
        (torch.full((20, 1, 2, 2), 1.5), r"are torch.float32 in \[1.5, 1.5\], those of pixels torch.uint8"),
    ],
)
def test_mismatched_images_are_refused(images, problem):
    with pytest.raises(ConfigError, match=problem):
        evaluator()(from_tensor(images), 20)
