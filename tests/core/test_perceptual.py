import itertools

import pytest
import torch
from backbones import random_backbone
from torchmetrics.functional.image.lpips import _LPIPS
from torchvision.models import vgg16

from gan_experiments.core import weights as weights_module
from gan_experiments.core.images import to_float
from gan_experiments.core.perceptual import PerceptualEmbedding, load_backbone, reduced
from gan_experiments.core.types import ConfigError

IMAGES = torch.randint(256, (5, 3, 40, 36), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture(scope="module")
def weights():
    return random_backbone()


@pytest.fixture(scope="module")
def embedding(weights):
    return PerceptualEmbedding(weights)


def theirs_of(weights, net):
    """The same random backbone in torchmetrics' implementation, with the trained weights of the channels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.init, "normal_", lambda tensor, *_: tensor)  # of 57 million weights that nobody uses
        patch.setattr(torch.nn.init, "kaiming_uniform_", lambda tensor, **_: tensor)
        network = _LPIPS(pretrained=True, net=net, pnet_rand=True)
    for name, layer in itertools.chain(*(getattr(network.net, f"slice{n}").named_children() for n in range(1, 6))):
        layer.load_state_dict({key: weights[f"features.{name}.{key}"] for key in layer.state_dict()})
    return lambda first, second: network(to_float(first), to_float(second)).flatten()


@pytest.fixture(scope="module")
def theirs(weights):
    return theirs_of(weights, "alex")


@pytest.mark.parametrize("channels", [1, 3])
def test_squared_distances_are_lpips(embedding, theirs, channels):
    first, second = IMAGES[:2, :channels], IMAGES[2:4, :channels]
    distances = (embedding(first) - embedding(second)).square().sum(1)
    expected = theirs(first.expand(-1, 3, -1, -1), second.expand(-1, 3, -1, -1))
    assert distances.min() > 0.01
    torch.testing.assert_close(distances, expected, rtol=1e-4, atol=1e-7)


def test_with_vgg16_it_is_that_of_torchmetrics():
    weights = random_backbone(network=vgg16)
    embedding = PerceptualEmbedding(weights, "vgg")
    distances = (embedding(IMAGES[:1]) - embedding(IMAGES[1:2])).square()
    expected = theirs_of(weights, "vgg")(IMAGES[:1], IMAGES[1:2])
    torch.testing.assert_close(distances.sum(1), expected, rtol=1e-4, atol=1e-7)
    with pytest.raises(ConfigError, match="not the weights of torchvision's VGG16"):
        PerceptualEmbedding(random_backbone(), "vgg")


def test_weights_come_from_a_file(weights, embedding, tmp_path, monkeypatch):
    torch.save(weights, tmp_path / "mine.pth")
    assert torch.equal(PerceptualEmbedding(load_backbone(str(tmp_path / "mine.pth")))(IMAGES), embedding(IMAGES))
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "mine.pth").rename(tmp_path / "weights" / "alexnet-owt-7be5be79.pth")
    assert load_backbone().keys() == weights.keys()


def test_what_cannot_be_had_is_said(weights, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(weights_module, "download_url_to_file", offline)
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no network.*put https://\S*alexnet-owt-7be5be79.pth into"):
        load_backbone()
    with pytest.raises(ConfigError, match=r"no file .*missing.pth"):
        load_backbone(str(tmp_path / "missing.pth"))
    with pytest.raises(ConfigError, match="not the weights of torchvision's AlexNet"):
        PerceptualEmbedding({"conv.weight": torch.ones(1)})


def test_images_that_are_too_small_are_refused(embedding):
    with pytest.raises(ValueError, match="32 pixels, not"):
        embedding(IMAGES[..., :28, :28])
    assert embedding(IMAGES[..., :32, :32]).isfinite().all()


@pytest.mark.parametrize(("height", "width", "block"), [(512, 512, 2), (256, 512, 1), (768, 1024, 3), (511, 300, 1)])
def test_the_shorter_side_of_large_images_is_reduced_whichever_it_is(height, width, block):
    images = torch.rand(1, 2, height, width, generator=torch.Generator().manual_seed(0))
    blocks = images[:, :, :, : width // block * block].view(1, 2, height // block, block, width // block, block)
    expected = blocks.mean((3, 5))
    assert torch.allclose(reduced(images), expected, atol=1e-6)
    assert torch.allclose(reduced(images.mT), expected.mT, atol=1e-6)
