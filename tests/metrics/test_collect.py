from types import SimpleNamespace

import torch

from gan_experiments.metrics.collect import FeatureStates, cpu_if_mps


class OnMPS:
    """Stands in for a tensor of a device that no machine of ours has."""

    device = SimpleNamespace(type="mps")

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def cpu(self):
        return self.values


class States(FeatureStates):
    """Keeps everything, divided into three parts."""

    def __init__(self):
        super().__init__()
        self.keep("fake", ("moments", "features", "logits", "labels"))

    def update(self, features, logits=None, labels=None):
        index = torch.arange(len(features))
        self.collect("fake", index % 3, 3, features, logits, labels)

    def compute(self):
        return self.collected("fake")


def test_what_is_kept_of_images_on_mps_lives_on_the_cpu():
    features, logits, labels = torch.randn(6, 3), torch.randn(6, 2), torch.arange(6)
    states = States()
    states.update(OnMPS(features), OnMPS(logits), OnMPS(labels))
    whole = states.compute().whole
    assert torch.equal(whole.features, features)
    assert torch.equal(whole.logits, logits)
    assert torch.equal(whole.labels, labels)
    assert torch.allclose(whole.moments.gaussian().mean, features.double().mean(0))
    assert cpu_if_mps(None, labels) == (None, labels)


def test_states_add_up_as_torchmetrics_adds_them():
    """Each of two metrics sees a part of the images, few enough to be kept as they are or more."""
    for count in (6, 40):
        images = torch.randn(2 * count, 3, generator=torch.Generator().manual_seed(0))
        alone, first, second = States(), States(), States()
        for part, metric in zip(images.chunk(2), (first, second), strict=True):
            metric.update(part)
            alone.update(part)
        second.merge_state(first)  # a state that comes in goes before the own one
        expected, found = alone.compute(), second.compute()
        assert torch.equal(found.whole.features, expected.whole.features)
        assert len(found.moments) == 3
        for part, their in zip(found.moments, expected.moments, strict=True):
            assert part.count == their.count
            one, other = part.gaussian(), their.gaussian()
            torch.testing.assert_close(one.mean, other.mean)
            torch.testing.assert_close(one.trace(), other.trace())
