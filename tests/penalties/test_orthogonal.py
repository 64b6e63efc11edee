import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.polynomial import LinearGenerator, PointGenerator, PolynomialDiscriminator
from gan_experiments.penalties.orthogonal import Orthogonal


def value_of(parts, network, **options):
    return Orthogonal(network="discriminator", **options).discriminator(parts.step(discriminator=Wrapped(network)))


class Wrapped(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images, labels=None):
        return images.sum((1, 2, 3))


def reference(filters):
    gram = filters @ filters.T
    return ((gram * (1 - np.eye(len(gram)))) ** 2).sum()


def test_it_sums_products_of_different_filters_over_layers(parts):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(7, 5), nn.Embedding(9, 2))
    filters = [network[0].weight.detach().numpy().reshape(4, -1), network[2].weight.detach().numpy()]
    assert value_of(parts, network).item() == pytest.approx(sum(map(reference, filters)), rel=1e-5)


def test_filters_of_a_transposed_convolution_are_in_its_second_dimension(parts):
    network = nn.ConvTranspose2d(3, 4, 3)
    filters = network.weight.detach().numpy().transpose(1, 0, 2, 3).reshape(4, -1)
    assert value_of(parts, network).item() == pytest.approx(reference(filters), rel=1e-5)


def test_orthogonal_filters_of_any_length_cost_nothing(parts):
    network = nn.Linear(8, 4, bias=False)
    nn.init.orthogonal_(network.weight)
    network.weight.data *= torch.tensor([[0.1], [1.0], [5.0], [30.0]])
    assert value_of(parts, network).item() == pytest.approx(0, abs=1e-6)


def test_spectral_normalization_is_not_disturbed(parts):
    network = parametrizations.spectral_norm(nn.Linear(6, 5))
    raw = network.parametrizations.weight.original.detach().numpy()
    before = network.parametrizations.weight[0]._u.clone()
    assert value_of(parts, network).item() == pytest.approx(reference(raw), rel=1e-5)
    assert torch.equal(network.parametrizations.weight[0]._u, before)


@pytest.mark.parametrize(("network", "sides"), [("generator", "g"), ("discriminator", "d"), ("both", "dg")])
def test_it_acts_on_the_network_it_is_told(parts, network, sides):
    penalty = Orthogonal(network=network)
    assert (penalty.discriminator(parts.step()) is not None) is ("d" in sides)
    assert (penalty.generator(parts.step(side="generator")) is not None) is ("g" in sides)


@pytest.mark.parametrize("shape", [(40, 3), (3, 40), (6, 5), (5, 5), (1, 4)])
def test_the_shape_of_the_matrix_decides_the_way_and_not_the_value(parts, shape):
    network = nn.Linear(shape[1], shape[0], bias=False).double()
    value = value_of(parts, network)
    filters = network.weight.detach().numpy()
    assert value.item() == pytest.approx(reference(filters), rel=1e-9, abs=1e-12)
    (gradient,) = torch.autograd.grad(value, network.weight)
    gram = filters @ filters.T
    np.testing.assert_allclose(gradient.numpy(), 4 * (gram * (1 - np.eye(len(gram)))) @ filters, rtol=1e-9, atol=1e-12)


def test_networks_without_matrices_are_refused():
    facts = DataFacts("points", 1, 2)
    bare = PointGenerator(facts), PolynomialDiscriminator(facts)
    for network, names in (("generator", "PointGenerator"), ("both", "PointGenerator and PolynomialDiscriminator")):
        with pytest.raises(ConfigError, match=f"^penalty.orthogonal.network: the weights of {names} are no matrices"):
            Orthogonal(network=network).prepare(*bare)
    Orthogonal().prepare(LinearGenerator(facts), bare[1])
