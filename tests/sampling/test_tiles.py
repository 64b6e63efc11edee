import pytest
import torch

from gan_experiments.core.images import to_float, to_uint8
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import DataFacts
from gan_experiments.networks.resnet_translator import ResNetTranslator
from gan_experiments.networks.unet import UNetTranslator
from gan_experiments.sampling import tiles
from gan_experiments.sampling.tiles import translate_image


class Negative(Translator):
    """Exact on every pixel, and strict about sizes."""

    def __init__(self, size=16, any_size=True, multiple=4):
        super().__init__(DataFacts("x", size, 1, input_channels=3))
        self.any_size, self.multiple, self.seen = any_size, multiple, []
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, images, rng=None):
        assert not images.shape[-1] % self.multiple
        assert not images.shape[-2] % self.multiple
        self.seen.append(tuple(images.shape))
        return -images[:, :1] * self.weight


def image(height, width, seed=0):
    return torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (5, 7), (16, 40), (33, 57), (1, 100)])
@pytest.mark.parametrize("any_size", [True, False])
def test_a_translation_by_pixels_is_the_same_in_tiles(height, width, any_size, monkeypatch):
    monkeypatch.setattr(tiles, "WHOLE", 32)
    network, given = Negative(any_size=any_size), image(height, width)
    assert torch.equal(translate_image(network, given), 255 - given[:1])
    largest = max(max(shape[-2:]) for shape in network.seen)
    assert largest <= (32 if any_size else 16)
    assert len(network.seen) > 1 or max(height, width) <= largest


def test_an_image_of_the_trained_size_is_translated_as_it_is():
    for network in (UNetTranslator(DataFacts("x", 28, 1, input_channels=3), 2),
                    ResNetTranslator(DataFacts("x", 28, 1, input_channels=3), 2, 1)):  # fmt: skip
        given = image(28, 28)
        network.eval()
        with torch.no_grad():
            expected = to_uint8(network(to_float(given[None])))[0]
        assert torch.equal(translate_image(network, given), expected)


def test_neighbouring_tiles_fade_into_each_other():
    class Constant(Negative):
        """Each call returns a value of its own, so that seams show."""

        def forward(self, images, rng=None):
            super().forward(images)
            return torch.full_like(images[:, :1], -1.0 if len(self.seen) == 1 else 1.0)

    network = Constant(16, any_size=False)
    row = translate_image(network, image(16, 30))[0, 8].int()
    assert len(network.seen) == 2
    assert row[0] == 0
    assert row[-1] == 255
    steps = row.diff()
    assert (steps >= 0).all()
    assert steps.max() < 128  # two pixels are shared
