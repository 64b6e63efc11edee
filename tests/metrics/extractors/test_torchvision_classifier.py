import pytest
import torch
from pixels import noise
from torchvision.models import get_model

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.extractors.torchvision_classifier import TorchvisionClassifier

MODEL = "mobilenet_v3_small"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "model.pth"
    torch.save(get_model(MODEL, num_classes=1000).state_dict(), path)
    return path


def test_features_go_into_the_last_layer(file):
    extractor, data = TorchvisionClassifier(MODEL, str(file), batch_size=2), noise()
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


def test_weights_and_names_are_checked(file, tmp_path):
    with pytest.raises(ConfigError, match=r"no classifier 'resnet5' \(it has alexnet, "):
        TorchvisionClassifier("resnet5")
    with pytest.raises(ConfigError, match="the weights of another network than squeezenet1_1"):
        TorchvisionClassifier("squeezenet1_1", str(file)).prepare(noise())
