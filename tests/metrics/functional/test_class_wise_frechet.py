import pytest
import torch
from gaussians import correlated, normal

from gan_experiments.metrics.functional.class_wise_frechet import ClassMoments, class_wise_frechet_distances
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.moments import Moments

LABELS = torch.arange(300) % 3


def by_class(features, labels=LABELS, batch_size=40):
    found = ClassMoments(3, features.shape[1])
    for part in torch.arange(len(features)).split(batch_size):
        found.update(features[part], labels[part])
    return found


def gaussian(features):
    moments = Moments(features.shape[1])
    moments.update(features)
    return moments.gaussian()


@pytest.mark.parametrize("features", [8, 200])  # of which a class of 100 has more or fewer
def test_each_class_is_compared_with_itself(features):
    real, fake = correlated(300, features), 1.2 * correlated(300, features, seed=1)
    found = class_wise_frechet_distances(by_class(real), by_class(fake, batch_size=7))
    expected = [frechet_distance(*(gaussian(side[label::3]) for side in (real, fake))) for label in range(3)]
    assert found == pytest.approx(expected)


def test_labels_that_are_mixed_up_show_only_here():
    real = normal(300, 4) + 5 * LABELS[:, None]
    mixed_up = by_class(real, LABELS.roll(1))
    assert min(class_wise_frechet_distances(by_class(real), mixed_up)) > 50
    assert class_wise_frechet_distances(by_class(real), by_class(real)) == pytest.approx([0, 0, 0], abs=1e-9)


def test_parts_merge():
    real, fake = correlated(300, 8), correlated(300, 8, seed=1)
    whole = by_class(fake[:100], LABELS[:100])
    whole.merge(ClassMoments.from_state(by_class(fake[100:], LABELS[100:]).state()))
    expected = class_wise_frechet_distances(by_class(real), by_class(fake))
    assert class_wise_frechet_distances(by_class(real), whole) == pytest.approx(expected)


def test_missing_classes_are_refused():
    real = by_class(correlated(300, 8))
    with pytest.raises(ValueError, match=r"generated ones lack classes \[1, 2\]"):
        class_wise_frechet_distances(real, by_class(correlated(300, 8), torch.zeros(300, dtype=torch.int64)))
    with pytest.raises(ValueError, match="3 classes cannot be compared with 4"):
        class_wise_frechet_distances(real, ClassMoments(4, 8))
