import numpy as np
import pytest
import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.resnet_translator import ResNetTranslator
from gan_experiments.networks.unet import UNetTranslator
from gan_experiments.systems.patch_nce import PatchProjection, draw_positions, patch_nce


def unit(*shape):
    return torch.nn.functional.normalize(torch.randn(*shape, dtype=torch.double), dim=-1)


def test_it_is_the_equation_of_the_paper():
    """-log exp(v v+ / tau) / (exp(v v+ / tau) + sum over n of exp(v v-_n / tau)), the mean over queries."""
    torch.manual_seed(0)
    queries, keys, tau = unit(3, 5, 4), unit(3, 5, 4), 0.07
    losses = []
    for q, k in zip(queries.numpy(), keys.numpy(), strict=True):
        for s in range(5):
            positive = np.exp(q[s] @ k[s] / tau)
            negatives = sum(np.exp(q[s] @ k[n] / tau) for n in range(5) if n != s)
            losses.append(-np.log(positive / (positive + negatives)))
    assert patch_nce(queries, keys, tau).item() == pytest.approx(np.mean(losses), abs=1e-5)


def test_no_gradient_passes_through_the_keys():
    queries, keys = unit(1, 4, 3).requires_grad_(), unit(1, 4, 3).requires_grad_()
    patch_nce(queries, keys, 0.1).backward()
    assert queries.grad.any()
    assert keys.grad is None


def test_patches_are_projected_at_their_positions():
    torch.manual_seed(0)
    generator = ResNetTranslator(DataFacts("x", 8, 3, input_channels=3), channels=4, blocks=2)
    projection = PatchProjection(generator, features=6)
    maps = generator.encode(torch.randn(2, 3, 8, 8))
    positions = draw_positions(maps, 5, Stream(0))
    assert [len(each) for each in positions] == [5, 5, 4, 4, 4]  # the inner maps have 2x2 pixels
    assert all(len(set(each.tolist())) == len(each) for each in positions)
    vectors = projection(maps, positions)
    for depth, (every, chosen) in enumerate(zip(maps, positions, strict=True)):
        for row, position in enumerate(chosen.tolist()):
            y, x = divmod(position, every.shape[-1])
            expected = projection.layers[depth](every[1, :, y, x])
            torch.testing.assert_close(vectors[depth][1, row], expected / expected.norm(), rtol=1e-4, atol=1e-5)


def test_a_translator_without_features_is_refused():
    with pytest.raises(ConfigError, match="UNetTranslator has no features, which CUT compares"):
        PatchProjection(UNetTranslator(DataFacts("x", 8, 3, input_channels=3), channels=2))
