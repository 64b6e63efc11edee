import pytest
import torch
from torch import nn

from gan_experiments.systems.optimization import clip_gradient, keep_rates, scale_rates


@pytest.fixture
def optimizer():
    first, second = (nn.Parameter(torch.zeros(2)) for _ in range(2))
    return torch.optim.SGD([{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.4}])


def test_a_factor_is_of_the_rates_at_the_start(optimizer):
    keep_rates(optimizer)
    for factor in (0.5, 0.25, 1.0):
        scale_rates(optimizer, factor)
        assert [group["lr"] for group in optimizer.param_groups] == [0.1 * factor, 0.4 * factor]


@pytest.mark.parametrize(("largest", "after"), [(None, 5.0), (10.0, 5.0), (1.0, 1.0)])
def test_the_norm_before_clipping_is_returned(optimizer, largest, after):
    (first,), (second,) = (group["params"] for group in optimizer.param_groups)
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    assert clip_gradient(optimizer, largest) == 5.0
    assert torch.cat([first.grad, second.grad]).norm().item() == pytest.approx(after)


def test_parameters_without_a_gradient_do_not_count(optimizer):
    (first,), _ = (group["params"] for group in optimizer.param_groups)
    first.grad = torch.tensor([0.0, 2.0])
    assert clip_gradient(optimizer, None) == 2.0
