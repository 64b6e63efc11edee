import pytest
import torch
from gaussians import correlated, normal

from gan_experiments.metrics.functional.class_wise_frechet import class_wise_frechet_distances
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import fit_gaussian

LABELS = torch.arange(300) % 3


@pytest.mark.parametrize("features", [8, 200])  # fewer and more than the 100 samples of a class
def test_each_class_is_compared_with_itself(features):
    real, fake = correlated(300, features), 1.2 * correlated(300, features, seed=1)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    distances = class_wise_frechet_distances(real, LABELS, fake[order], LABELS[order], 3)
    expected = [frechet_distance(*(fit_gaussian(side[label::3]) for side in (real, fake))) for label in range(3)]
    assert distances == pytest.approx(expected)


def test_mixed_up_labels_show_only_in_class_wise_distances():
    real = normal(300, 4) + 5 * LABELS[:, None]
    assert min(class_wise_frechet_distances(real, LABELS, real, LABELS.roll(1), 3)) > 50
    assert class_wise_frechet_distances(real, LABELS, real, LABELS, 3) == pytest.approx([0, 0, 0], abs=1e-9)


def test_missing_classes_are_refused():
    features = correlated(300, 8)
    with pytest.raises(ValueError, match=r"generated ones lack classes \[1, 2\]"):
        class_wise_frechet_distances(features, LABELS, features, torch.zeros_like(LABELS), 3)
    with pytest.raises(ValueError, match=r"real ones lack classes \[3\]"):
        class_wise_frechet_distances(features, LABELS, features, LABELS, 4)
