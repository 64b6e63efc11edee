"""Batch normalization over processes, in two real processes, against one that has the whole batch."""

import copy

import pytest
import torch
import torch.distributed as dist
from processes import in_two_processes
from torch import nn

from gan_experiments.networks.batch_norm import SynchronizedBatchNorm, synchronize_batch_norm
from gan_experiments.networks.layers import ConditionalBatchNorm2d, class_map


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(2, 3, 3, padding=1)
        self.plain = nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.conditional = ConditionalBatchNorm2d(3, class_map(2))
        self.flat = nn.BatchNorm1d(3, momentum=None)
        self.last = nn.Linear(3, 1)
        for parameter in self.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)

    def forward(self, x, y):
        x = torch.tanh(self.plain(self.first(x)))
        x = torch.tanh(self.conditional(self.second(x), y)).mean((2, 3))
        return self.last(torch.tanh(self.flat(x))).squeeze(1)


def gradients(network, x, y):
    x = x.clone().requires_grad_(True)
    scores = network(x, y)
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    loss = scores.sigmoid().mean() + slope.square().flatten(1).sum(1).mean()
    loss.backward()
    return scores.detach(), slope.detach(), [p.grad for p in network.parameters()]


def agrees_with_the_whole_batch(rank):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(8, 2, 4, 4, generator=generator) * 3 + 1
    y = torch.randint(2, (8,), generator=generator)
    whole, shared, apart = Network(), Network(), Network()
    synchronize_batch_norm(shared)
    part = slice(4 * rank, 4 * rank + 4)
    expected = gradients(whole, x, y)
    found = gradients(shared, x[part], y[part])
    other = gradients(apart, x[part], y[part])
    torch.testing.assert_close(found[0], expected[0][part], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1], expected[1][part], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(other[0], expected[0][part], atol=1e-2)
    for one, two in zip(expected[2], found[2], strict=True):
        dist.all_reduce(two)
        torch.testing.assert_close(two / 2, one, rtol=1e-3, atol=1e-5)
    for one, two in zip(whole.buffers(), shared.buffers(), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)
    copied = copy.deepcopy(shared).eval()  # as the moving average is
    torch.testing.assert_close(copied(x, y), whole.eval()(x, y), rtol=1e-4, atol=1e-5)
    half = shared.first(x).half()
    assert shared.plain(half).dtype == torch.float16


def test_two_processes_compute_outputs_and_both_derivatives_of_the_whole_batch(tmp_path):
    in_two_processes(agrees_with_the_whole_batch, tmp_path)


def layers():
    return [nn.BatchNorm1d(3), nn.BatchNorm2d(3), ConditionalBatchNorm2d(3, class_map(2)), ConditionalBatchNorm2d(3)]


@pytest.mark.parametrize("layer", layers(), ids=lambda layer: type(layer).__name__)
def test_one_process_computes_what_it_did(layer):
    conditioned = [torch.tensor([0, 1, 0, 1])] if isinstance(layer, ConditionalBatchNorm2d) else []
    maps = torch.randn(4, 3, *([] if isinstance(layer, nn.BatchNorm1d) else [2, 2]))
    layer(maps, *conditioned)  # so that evaluation differs from training
    other = copy.deepcopy(layer)
    synchronize_batch_norm(other)
    assert isinstance(other, SynchronizedBatchNorm)
    assert torch.equal(other.train()(maps, *conditioned), layer.train()(maps, *conditioned))
    assert torch.equal(other.eval()(maps, *conditioned), layer.eval()(maps, *conditioned))


def test_the_layers_of_a_network_are_found_once_and_others_are_left():
    network = nn.Sequential(*layers(), nn.Sequential(nn.BatchNorm3d(2)), nn.InstanceNorm2d(2), nn.SyncBatchNorm(2))
    synchronize_batch_norm(network)
    kinds = [type(module) for module in network.modules()]
    synchronize_batch_norm(network)
    assert [type(module) for module in network.modules()] == kinds
    assert sum(issubclass(kind, SynchronizedBatchNorm) for kind in kinds) == 5
    assert kinds[-2:] == [nn.InstanceNorm2d, nn.SyncBatchNorm]
