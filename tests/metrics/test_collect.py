from types import SimpleNamespace

import torch

from gan_experiments.metrics.collect import FeatureCollector, cpu_if_mps


class OnMPS:
    """Stands in for a tensor of a device that no machine of ours has."""

    device = SimpleNamespace(type="mps")

    def __init__(self, values):
        self.values = values

    def cpu(self):
        return self.values


def test_what_is_kept_of_images_on_mps_lives_on_the_cpu():
    features, logits, labels = torch.randn(6, 3), torch.randn(6, 2), torch.arange(6)
    collector = FeatureCollector(torch.zeros(1, 6, dtype=torch.int64), ("features", "logits", "labels"))
    collector.add(0, OnMPS(features), OnMPS(logits), OnMPS(labels))
    whole = collector.collected().whole
    assert torch.equal(whole.features, features)
    assert torch.equal(whole.logits, logits)
    assert torch.equal(whole.labels, labels)
    assert torch.allclose(whole.moments.gaussian().mean, features.double().mean(0))
    assert cpu_if_mps(None, labels) == (None, labels)
