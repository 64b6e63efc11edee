"""Shared layers against closed forms and independent loops."""

import numpy as np
import pytest
import quick_spectral
import torch
from torch import nn

from gan_experiments.networks.layers import (
    ConditionalBatchNorm2d,
    DiscriminatorBlock,
    GeneratorBlock,
    SelfAttention,
    class_map,
    normalize_spectrally,
    vector_map,
)


def attention_in_numpy(layer, maps):
    """Zhang et al. 2019, equations 1 to 3, place by place."""
    weight = {
        name: getattr(layer, name).weight.detach().numpy()[:, :, 0, 0] for name in ("query", "key", "value", "out")
    }
    batch, channels, height, width = maps.shape
    result = np.empty(maps.shape)
    for index in range(batch):
        flat = maps[index].reshape(channels, -1)
        query, key, value = (weight[name] @ flat for name in ("query", "key", "value"))

        def pooled(rows):
            return rows.reshape(len(rows), height // 2, 2, width // 2, 2).max(axis=(2, 4)).reshape(len(rows), -1)

        key, value = pooled(key), pooled(value)
        attended = np.empty((len(value), height * width))
        for place in range(height * width):
            scores = np.exp(query[:, place] @ key)
            attended[:, place] = value @ (scores / scores.sum())
        result[index] = maps[index] + layer.gate.item() * (weight["out"] @ attended).reshape(channels, height, width)
    return result


@pytest.mark.parametrize("learning", [True, False])
def test_attention_is_that_of_the_paper(learning):
    torch.manual_seed(0)
    layer = SelfAttention(16).double()
    nn.init.constant_(layer.gate, 0.7)
    maps = torch.randn(2, 16, 4, 6, dtype=torch.float64)
    with torch.set_grad_enabled(learning):
        np.testing.assert_allclose(layer(maps).detach().numpy(), attention_in_numpy(layer, maps.numpy()), rtol=1e-10)


def test_attention_starts_as_the_identity_and_its_gate_learns():
    layer, maps = SelfAttention(8), torch.randn(2, 8, 4, 4)
    assert torch.equal(layer(maps), maps)
    layer(maps).square().sum().backward()
    assert layer.gate.grad.abs() > 0


def test_attention_can_be_differentiated_twice():
    layer = SelfAttention(8).double()
    nn.init.constant_(layer.gate, 0.5)
    maps = torch.randn(1, 8, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer, maps)


def test_attention_keeps_channels_last_without_a_copy():
    maps = torch.randn(2, 16, 8, 8).to(memory_format=torch.channels_last)
    layer = SelfAttention(16).to(memory_format=torch.channels_last)
    assert layer(maps).is_contiguous(memory_format=torch.channels_last)


def normalized_in_numpy(maps, eps=1e-5):
    mean, variance = maps.mean(axis=(0, 2, 3), keepdims=True), maps.var(axis=(0, 2, 3), keepdims=True)
    return (maps - mean) / np.sqrt(variance + eps)


def test_conditional_batch_norm_takes_gain_and_shift_of_each_class():
    norm = ConditionalBatchNorm2d(3, class_map(4)).double()
    maps, labels = torch.randn(5, 3, 2, 2, dtype=torch.float64), torch.tensor([0, 3, 3, 1, 2])
    np.testing.assert_allclose(norm(maps, labels).detach(), normalized_in_numpy(maps.numpy()), rtol=1e-10)
    for table in (norm.gain, norm.shift):
        nn.init.normal_(table.weight)
    gain, shift = (table.weight.detach().numpy()[labels.numpy()][:, :, None, None] for table in (norm.gain, norm.shift))
    expected = normalized_in_numpy(maps.numpy()) * (1 + gain) + shift
    np.testing.assert_allclose(norm(maps, labels).detach(), expected, rtol=1e-10)


def test_conditional_batch_norm_of_vectors_is_linear_in_them():
    norm = ConditionalBatchNorm2d(3, vector_map(7)).double()
    maps, vectors = torch.randn(5, 3, 2, 2, dtype=torch.float64), torch.randn(5, 7, dtype=torch.float64)
    gain, shift = ((vectors @ part.weight.T).detach().numpy()[:, :, None, None] for part in (norm.gain, norm.shift))
    expected = normalized_in_numpy(maps.numpy()) * (1 + gain) + shift
    np.testing.assert_allclose(norm(maps, vectors).detach(), expected, rtol=1e-10)


def test_without_a_condition_it_is_plain_batch_norm():
    ours, plain = ConditionalBatchNorm2d(3), nn.BatchNorm2d(3)
    maps = torch.randn(5, 3, 2, 2)
    assert torch.equal(ours(maps), plain(maps))
    assert ours.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(ours.eval()(maps), plain.eval()(maps))


def test_generator_block_is_that_of_the_paper():
    """Shortcut after upsampling, as published, against before it, as computed."""
    block, maps = GeneratorBlock(3, 5).double(), torch.randn(2, 3, 4, 4, dtype=torch.float64)
    up = nn.Upsample(scale_factor=2)
    residual = block.conv2(block.norm2(block.conv1(up(block.norm1(maps).relu()))).relu())
    torch.testing.assert_close(block(maps), residual + block.shortcut(up(maps)))


@pytest.mark.parametrize("halve", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_discriminator_block_is_that_of_the_paper(halve, first):
    block = DiscriminatorBlock(3, 5, 4, halve, first).double()
    maps = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    pool = nn.AvgPool2d(2) if halve else nn.Identity()
    residual = pool(block.conv2(block.conv1(maps if first else maps.relu()).relu()))
    torch.testing.assert_close(block(maps), residual + pool(block.shortcut(maps)))


def test_a_block_that_changes_nothing_of_the_shape_has_no_weights_in_its_shortcut():
    assert DiscriminatorBlock(4, 4, 4, halve=False).shortcut is None
    assert DiscriminatorBlock(4, 4, 4, halve=True).shortcut is not None


def test_the_tests_normalize_as_torch_does(monkeypatch):
    """See tests/helpers/quick_spectral.py."""

    def trained():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 2))
        normalize_spectrally(network, embeddings=False)
        network(torch.randn(2, 3, 4, 4)).sum().backward()
        return [*network.state_dict().values(), *(weight.grad for weight in network.parameters())]

    quick = trained()
    monkeypatch.setattr(quick_spectral.NORM, "_power_method", quick_spectral.ORIGINAL)
    assert all(torch.equal(*pair) for pair in zip(quick, trained(), strict=True))


@pytest.mark.parametrize("embeddings", [False, True])
def test_spectral_norm_reaches_every_layer(embeddings):
    network = nn.Sequential(nn.Linear(4, 3), nn.Conv2d(2, 5, 3), nn.ConvTranspose2d(2, 5, 3), nn.Embedding(6, 4))
    normalize_spectrally(network, embeddings)
    _ = [module.weight for _ in range(60) for module in network]  # each reading is a power iteration
    network.eval()
    sizes = [
        torch.linalg.matrix_norm((module.weight.transpose(0, 1) if depth == 2 else module.weight).flatten(1), 2).item()
        for depth, module in enumerate(network)
    ]
    assert sizes[:3] == pytest.approx([1, 1, 1], abs=1e-3)
    assert (abs(sizes[3] - 1) < 1e-3) == embeddings


@pytest.mark.parametrize("first", [False, True])
def test_an_activated_shortcut_sees_what_the_convolutions_see(first):
    block = DiscriminatorBlock(3, 5, 5, halve=True, first=first, activated=True).double()
    maps = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    kept = maps.clone()
    before = DiscriminatorBlock(3, 5, 5, halve=True, first=first).double()
    before.load_state_dict(block.state_dict())
    torch.testing.assert_close(block(maps), before(maps if first else maps.relu()))
    assert torch.equal(maps, kept)
    assert torch.equal(block(maps), before(maps)) == first
