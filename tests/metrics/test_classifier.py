import pytest
import torch

from gan_experiments.core.types import DataFacts
from gan_experiments.metrics.classifier import Classifier, correct_predictions, train_classifier


@pytest.mark.parametrize("size", [2, 8, 28, 64])
def test_features_are_pooled_from_maps_of_at_most_four_pixels(size):
    network = Classifier(DataFacts("images", size, 3, num_classes=5), 4, "seed").eval()
    images = torch.zeros(2, 3, size, size)
    assert network.features[:-2](images).shape[-1] <= 4
    assert network.features(images).shape == (2, 16)
    assert network(images).shape == (2, 5)


def test_weights_are_a_function_of_the_keys():
    first, same, other = (Classifier(DataFacts("images", 8, 1), 4, *keys) for keys in (("a", 1), ("a", 1), ("a", 2)))
    assert all(torch.equal(one, two) for one, two in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first.head.weight, other.head.weight)


def test_training_uses_the_chosen_images_only():
    labels = torch.arange(100) % 2
    images = (labels.view(-1, 1, 1, 1) * 200).expand(100, 1, 4, 4).to(torch.uint8)
    chosen = torch.arange(50)
    wrong = torch.cat([labels[:50], 1 - labels[50:]])
    network = Classifier(DataFacts("images", 4, 1, num_classes=2), 4, "seed")
    train_classifier(network, images, wrong, chosen, 2000, "order")
    assert not network.training
    assert correct_predictions(network, images, wrong).tolist() == [True] * 50 + [False] * 50


def test_a_last_batch_of_one_point_is_left_out():
    points = torch.linspace(-1, 1, 129).view(-1, 1, 1, 1)
    network = Classifier(DataFacts("points", 1, 1, num_classes=2), 4, "seed")
    labels = (points.flatten() > 0).long()
    train_classifier(network, points, labels, torch.arange(129), 400, "order")
    assert correct_predictions(network, points, labels).float().mean() > 0.5
