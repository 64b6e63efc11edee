import inspect
import sys

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from gan_experiments.systems.optimization import _took_fused_step, clip_gradient, keep_rates, scale_rates, take_step


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


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
def test_a_step_without_profiling_is_the_same_step(kind):
    own, others = (nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizers = [kind([weight], lr=0.1) for weight in (own, others)]
    for count in range(1, 3):
        for weight in (own, others):
            weight.grad = torch.tensor([1.0, 2.0, 3.0]) * count
        take_step(optimizers[0])
        optimizers[1].step()
        assert torch.equal(own, others)
        assert own.requires_grad


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1, "betas": (0.5, 0.9)},
        {"maximize": True},
        {"amsgrad": True},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kernel_of_a_fused_adam_is_the_same_step(options, dtype):
    if not options.keys() <= inspect.signature(torch.optim.Adam).parameters.keys():
        pytest.skip("this torch has no such option")
    own, others = ([nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 2, dtype=dtype))] for _ in range(2))
    optimizers = [torch.optim.Adam(weights, lr=0.1, fused=True, **options) for weights in (own, others)]
    for count in range(1, 5):
        for weights in (own, others):
            weights[0].grad = torch.tensor([1.0, 2.0, 3.0]) * count
            weights[1].grad = torch.eye(2, dtype=dtype) - count if count > 2 else None  # its state begins later
        take_step(optimizers[0])
        optimizers[1].step()
        states = (optimizer.state_dict()["state"] for optimizer in optimizers)
        assert all(torch.equal(*pair) for pair in zip(own, others, strict=True))
        for one, other in zip(*(state.values() for state in states), strict=True):
            assert one.keys() == other.keys()
            assert all(torch.equal(one[name], other[name]) for name in one)


def test_without_the_kernel_the_step_is_left_to_adam(monkeypatch):
    weight = nn.Parameter(torch.ones(3))
    adam = torch.optim.Adam([weight], lr=0.1, fused=True)
    for _ in range(2):
        weight.grad = torch.ones(3)
        adam.step()
    assert _took_fused_step(adam)
    monkeypatch.delattr(torch, "_fused_adam_")
    assert not _took_fused_step(adam)


def test_what_is_hooked_to_a_step_or_put_in_its_place_is_called(optimizer):
    called = []
    for weight in (weight for group in optimizer.param_groups for weight in group["params"]):
        weight.grad = torch.ones(2)
    handles = [
        optimizer.register_step_pre_hook(lambda *_: called.append("pre")),
        optimizer.register_step_post_hook(lambda *_: called.append("post")),
        register_optimizer_step_post_hook(lambda *_: called.append("global")),
    ]
    take_step(optimizer)
    for handle in handles:
        take_step(optimizer)
        handle.remove()
    assert called == ["pre", "post", "global", "pre", "post", "global", "post", "global", "global"]
    optimizer.step = lambda: called.append("own")
    take_step(optimizer)
    assert called[-1] == "own"


def test_where_torch_keeps_hooks_elsewhere_the_step_is_called_as_it_is(optimizer, monkeypatch):
    called = []

    def step():
        called.append("whole")

    step.hooked, step.__wrapped__ = True, lambda _: called.append("inner")
    optimizer.step = step
    take_step(optimizer)
    monkeypatch.delattr(sys.modules["torch.optim.optimizer"], "_global_optimizer_pre_hooks")
    take_step(optimizer)
    assert called == ["inner", "whole"]
