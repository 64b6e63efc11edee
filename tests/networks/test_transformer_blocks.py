import math

import pytest
import torch
from config_view import problems
from torch import nn

from gan_experiments.data.datasets.digits import Digits
from gan_experiments.networks.transformer import TransformerDiscriminator, TransformerGenerator
from gan_experiments.networks.transformer_blocks import Attention, FeedForward, places
from gan_experiments.penalties.approximate_r1 import ApproximateR1
from gan_experiments.penalties.latent_optimization import LatentOptimization
from gan_experiments.penalties.path_length import PathLength
from gan_experiments.penalties.r1 import R1


def turned(vector, place):
    """Rotary embedding of one vector by complex numbers: its first half by the row, its second by the column."""
    pairs = torch.view_as_complex(vector.reshape(2, -1, 2))
    speeds = torch.tensor([10_000 ** (-2 * index / (len(vector) // 2)) for index in range(pairs.shape[1])])
    angles = torch.tensor(place)[:, None] * speeds
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten()


def test_attention_is_that_of_the_papers_token_by_token():
    torch.manual_seed(0)
    attention, side, free = Attention(16, 2, 3, fused=True), 3, 1
    nn.init.normal_(attention.query_norm.weight)
    tokens = torch.randn(2, free + side**2, 16)
    spots = [None] * free + [(float(row), float(column)) for row in range(side) for column in range(side)]
    expected = torch.zeros(2, len(spots), 16)
    for sample, head in ((sample, head) for sample in range(2) for head in range(2)):
        vectors = attention.inputs(tokens[sample]).unflatten(1, (3, 2, 8))[:, :, head]

        def at(token, kind, norm, vectors=vectors):
            normal = norm(vectors[token, kind])
            return normal if spots[token] is None else turned(normal, spots[token])

        for token in range(len(spots)):
            query = at(token, 0, attention.query_norm)
            keys = [at(other, 1, attention.key_norm) for other in range(len(spots))]
            scores = torch.stack([query @ key for key in keys]) / math.sqrt(8)
            expected[sample, token, 8 * head : 8 * head + 8] = scores.softmax(0) @ vectors[:, 2]
    torch.testing.assert_close(attention(tokens), attention.out(expected), rtol=1e-4, atol=1e-5)


def test_the_score_of_two_patches_depends_on_how_far_apart_they_are():
    attention = Attention(8, 1, 4, fused=True)
    query, key = (torch.randn(8).expand(1, 1, 16, 8) for _ in range(2))
    scores = (attention._turned(query) @ attention._turned(key).mT).reshape(4, 4, 4, 4)
    for row, column in ((0, 0), (1, 0), (2, 1)):
        torch.testing.assert_close(scores[row, column, row + 1, column + 2], scores[0, 0, 1, 2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fused", [False, True])
def test_only_unfused_attention_is_differentiated_twice(fused):
    attention, tokens = Attention(8, 2, 2, fused), torch.randn(1, 4, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(attention(tokens).sum(), tokens, create_graph=True)
    if fused:
        with pytest.raises(RuntimeError, match="not implemented"):
            slope.square().sum().backward()
    else:
        slope.square().sum().backward()
        assert attention.inputs.weight.grad.isfinite().all()


def test_feed_forward_is_swiglu():
    network, tokens = FeedForward(12), torch.randn(2, 3, 12)
    gate, value = network.hidden(tokens)[..., :32], network.hidden(tokens)[..., 32:]
    assert network.hidden.out_features == 64
    torch.testing.assert_close(network(tokens), network.out(gate * torch.sigmoid(gate) * value))


def test_places_are_sines_and_cosines_of_column_and_row():
    found = places(16, 3)
    assert found.shape == (1, 9, 16)
    for row in range(3):
        for column in range(3):
            speeds = [10_000 ** (-index / 4) for index in range(4)]
            waves = [(place, wave) for place in (column, row) for wave in (math.sin, math.cos)]
            expected = [wave(place * speed) for place, wave in waves for speed in speeds]
            torch.testing.assert_close(found[0, 3 * row + column], torch.tensor(expected))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, []),
        ({"patch": 3}, [".patch: patches of 3 pixels do not divide the 8 of an image; 1, 2, 4 do"]),
        ({"width": 100}, [".width: 100 is not a multiple of 4 x 6 heads, of model.{name}.heads"]),
    ],
)
def test_what_does_not_fit_is_refused(options, told):
    for name, target in (("generator", TransformerGenerator), ("discriminator", TransformerDiscriminator)):
        config = {"dataset": {"_target_": Digits}, "model": {name: {"_target_": target, **options}}}
        assert problems(config, f"model.{name}") == [f"model.{name}{line}".format(name=name) for line in told]


REFUSED = [(TransformerGenerator, ["paths", "moved"]), (TransformerDiscriminator, ["r1", "moved"])]


@pytest.mark.parametrize(("target", "refused"), REFUSED)
def test_fused_attention_is_refused_with_penalties_that_differentiate_it_twice(target, refused):
    classes = {"r1": R1, "paths": PathLength, "approximate": ApproximateR1, "moved": LatentOptimization}
    penalties = {name: {"_target_": each} for name, each in classes.items()}
    config = {"model": {"x": {"_target_": target, "fused": True}}, "penalty": penalties}
    named = [line for line in problems(config, "model.x") if line.startswith("model.x.fused: ")]
    assert [line.split()[1] for line in named] == [f"penalty.{name}" for name in refused]
    config["model"]["x"]["fused"] = False
    assert not [line for line in problems(config, "model.x") if "fused" in line]


def test_fused_attention_of_a_discriminator_is_refused_with_unrolling():
    config = {"model": {"unroll_steps": 1}}
    for name, target in (("generator", TransformerGenerator), ("discriminator", TransformerDiscriminator)):
        config["model"][name] = {"_target_": target, "fused": True}
    text = "model.unroll_steps differentiates twice, which fused attention cannot be; set one of them to "
    assert problems(config, "model.discriminator") == [f"model.discriminator.fused: {text}false or 0"]
    assert problems(config, "model.generator") == []
    config["model"]["unroll_steps"] = 0
    assert problems(config, "model.discriminator") == []
