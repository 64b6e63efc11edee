"""Extractors whose weights are the user's, torchvision's or nobody's."""

import pytest
import torch
from pixels import source
from torch import nn
from torchvision.models import get_model

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.random_network import RandomNetwork
from gan_experiments.metrics.extractors.torchvision_classifier import TorchvisionClassifier
from gan_experiments.metrics.extractors.user_network import UserNetwork
from gan_experiments.metrics.reference import ReferenceStatistics

MODEL = "mobilenet_v3_small"


def images(channels=3, size=8, count=3):
    data = source()
    shape = (count, channels, size, size)
    data.images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data.facts = type(data.facts)("pixels", size, channels)
    return data


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "model.pth"
    torch.save(get_model(MODEL, num_classes=1000).state_dict(), path)
    return path


def test_torchvision_features_go_into_the_last_layer(file):
    extractor, data = TorchvisionClassifier(MODEL, str(file), batch_size=2), images()
    extractor.prepare(data)
    with torch.no_grad():
        features, logits = extractor(data.images)
    assert features.shape == (3, extractor.num_features) == (3, 1024)
    network = get_model(MODEL, num_classes=1000)
    network.load_state_dict(torch.load(file, weights_only=True))
    assert torch.allclose(network.classifier[-1](features), logits, atol=1e-5)
    assert extractor.provenance()["resize"] == "antialiased to 224"
    grey = data.images[:1, :1]
    assert torch.equal(extractor(grey)[0], extractor(grey.repeat(1, 3, 1, 1))[0])


def test_torchvision_weights_and_names_are_checked(file, tmp_path):
    with pytest.raises(ConfigError, match=r"no classifier 'resnet5' \(it has alexnet, "):
        TorchvisionClassifier("resnet5")
    with pytest.raises(ConfigError, match="the weights of another network than squeezenet1_1"):
        TorchvisionClassifier("squeezenet1_1", str(file)).prepare(images())


def test_random_network_is_the_same_for_everybody():
    data, found = images(), []
    for ambient, seed in ((1, 0), (2, 0), (2, 1)):
        torch.manual_seed(ambient)
        extractor = RandomNetwork(width=4, seed=seed)
        extractor.prepare(data)
        features, logits = extractor(data.images)
        assert features.shape == (3, 16)
        assert logits is None
        found.append((extractor.weight_hash, features))
    assert found[0][0] == found[1][0] != found[2][0]
    assert torch.equal(found[0][1], found[1][1])


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(12, 5)

    def forward(self, images):
        features = images.flatten(1)
        return features, self.head(features)


def test_a_network_of_the_user(tmp_path):
    data = images(size=2)
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


def test_statistics_of_a_network_of_the_user_are_kept_by_all_that_changes_its_features(tmp_path):
    data, paths, provenance = images(size=4), set(), []
    slopes = [nn.Sequential(nn.Flatten(), nn.LeakyReLU(slope)) for slope in (0.1, 0.2)]
    for network, size in ((slopes[0], None), (slopes[0], 2), (slopes[0], 4), (slopes[1], None)):
        extractor = UserNetwork(network, image_size=size)
        extractor.prepare(data)
        provenance.append(extractor.provenance())
        paths.add(ReferenceStatistics(data, extractor, (), 2, str(tmp_path)).path)
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
        UserNetwork(nn.Conv2d(3, 2, 1)).prepare(images())
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="the weights of another network than Pair"):
        UserNetwork(Pair(), str(tmp_path / "weights.pth")).prepare(images())
