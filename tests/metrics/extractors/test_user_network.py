import pytest
import torch
from pixels import noise
from torch import nn

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.user_network import UserNetwork
from gan_experiments.metrics.reference import ReferenceStatistics


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(12, 5)

    def forward(self, images):
        features = images.flatten(1)
        return features, self.head(features)


def test_a_network_of_the_user(tmp_path):
    data = noise(size=2)
    torch.save(Pair().state_dict(), tmp_path / "weights.pth")
    extractor = UserNetwork(Pair(), str(tmp_path / "weights.pth"), batch_size=2)
    extractor.prepare(data)
    features, logits = extractor(data.images)
    assert (extractor.name, extractor.num_features) == ("Pair", 12)
    assert torch.allclose(features, data.images.flatten(1) / 127.5 - 1)
    assert logits.shape == (3, 5)
    plain = UserNetwork(nn.Flatten(), image_size=1)
    plain.prepare(data)
    assert plain(data.images)[0].shape == (3, 3)
    assert plain(data.images)[1] is None


def test_statistics_of_a_network_of_the_user_are_kept_by_all_that_changes_its_features():
    data, paths, provenance = noise(size=4), set(), []
    slopes = [nn.Sequential(nn.Flatten(), nn.LeakyReLU(slope)) for slope in (0.1, 0.2)]
    for network, size in ((slopes[0], None), (slopes[0], 2), (slopes[0], 4), (slopes[1], None)):
        extractor = UserNetwork(network, image_size=size)
        extractor.prepare(data)
        provenance.append(extractor.provenance())
        paths.add(ReferenceStatistics(data, extractor, ()).path)
    assert len(paths) == 4
    assert [each["resize"] for each in provenance] == [
        "none",
        "antialiased to 2",
        "antialiased to 4",
        "none",
    ]
    assert {each["precision"] for each in provenance} == {"float32"}


def test_a_network_that_gives_no_features_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"Conv2d returns \(1, 2, 8, 8\) for an image, not features"):
        UserNetwork(nn.Conv2d(3, 2, 1)).prepare(noise())
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="the weights of another network than Pair"):
        UserNetwork(Pair(), str(tmp_path / "weights.pth")).prepare(noise())


@pytest.mark.parametrize("network", [nn.Linear(7, 2), nn.Conv2d(5, 2, 1), nn.MaxPool2d(2, return_indices=True)])
def test_a_network_that_fails_for_the_images_is_refused(network):
    with pytest.raises(ConfigError, match=f"metrics: {type(network).__name__} (fails for an image: .|returns)"):
        UserNetwork(network).prepare(noise())
