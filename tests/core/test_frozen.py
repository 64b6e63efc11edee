import torch
from torch import nn

from gan_experiments.core.frozen import Frozen


class Owner(nn.Module):
    def __init__(self):
        super().__init__()
        self.frozen = Frozen(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
        self.own = nn.Linear(2, 2)


def test_no_optimizer_and_no_checkpoint_holds_it():
    owner = Owner()
    assert {name for name, _ in owner.named_parameters()} == set(owner.state_dict()) == {"own.weight", "own.bias"}


def test_training_does_not_change_it_and_gradients_pass_through():
    owner, images = Owner().train(), torch.randn(2, 1, 5, 5, requires_grad=True)
    assert not owner.frozen.network.training
    before = {key: value.clone() for key, value in owner.frozen.network.state_dict().items()}
    owner.frozen(images).sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in owner.frozen.network.parameters())
    assert all(torch.equal(before[key], value) for key, value in owner.frozen.network.state_dict().items())


def test_it_moves_with_its_owner():
    owner = Owner().double()
    assert {value.dtype for value in owner.frozen.network.parameters()} == {torch.float64}
    owner.to(memory_format=torch.channels_last)
    assert owner.frozen.network[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_its_hash_tells_weights_apart():
    torch.manual_seed(0)
    first, other = Owner().frozen, Owner().frozen
    other.network.load_state_dict(first.network.state_dict())
    assert first.weight_hash != other.weight_hash
    assert Frozen(other.network).weight_hash == first.weight_hash
