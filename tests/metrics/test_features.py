import torch
from gaussians import normal

from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.moments import Moments
from gan_experiments.metrics.prdc import PRDC


def test_a_mask_takes_everything_that_is_kept_of_the_images():
    features, chosen = normal(10, 3), torch.arange(10) % 3 == 0
    moments = Moments(3)
    moments.update(features[chosen])
    whole = FeatureSet(Moments(3), features, labels=torch.arange(10), num_classes=10)
    part = whole.take(chosen, moments)
    assert len(part) == 4
    assert torch.equal(part.features, features[chosen])
    assert part.labels.tolist() == [0, 3, 6, 9]
    assert (part.logits, part.trained, part.num_classes) == (None, None, 10)


def test_public_attributes_are_the_options():
    assert PRDC(neighbours=4).provenance() == {"neighbours": 4, "density_neighbours": 5}
