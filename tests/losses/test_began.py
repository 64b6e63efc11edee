import pytest
import torch

from gan_experiments.losses.began import BEGAN


def test_the_controller_follows_its_recurrence():
    loss = BEGAN(gamma=0.4, lambda_k=0.3)
    k = 0.0
    for real, fake in [(1.0, 0.1), (2.0, 0.5), (0.5, 0.9), (9.0, 0.0), (0.0, 9.0), (3.0, 1.0)]:
        value = loss.discriminator(torch.tensor([real]), torch.tensor([fake]))
        assert value.item() == pytest.approx(real - k * fake)
        k = min(1.0, max(0.0, k + 0.3 * (0.4 * real - fake)))
        assert loss.k.item() == pytest.approx(k)
    assert 0 < k < 1


def test_the_gradient_is_that_of_the_value_before_the_controller_moved():
    loss = BEGAN(lambda_k=0.5)
    loss.k.fill_(0.25)
    real, fake = torch.tensor([1.0], requires_grad=True), torch.tensor([0.2], requires_grad=True)
    loss.discriminator(real, fake).backward()
    assert (real.grad.item(), fake.grad.item()) == (1.0, -0.25)


def test_evaluation_leaves_the_controller_alone_and_a_checkpoint_carries_it():
    loss = BEGAN(lambda_k=0.5)
    loss.discriminator(torch.ones(2), torch.zeros(2))
    k = loss.k.clone()
    loss.eval().discriminator(torch.ones(2), torch.zeros(2))
    assert loss.k == k > 0
    other = BEGAN()
    other.load_state_dict(loss.state_dict())
    assert other.k == k


def test_the_generator_lowers_the_energy_of_fakes():
    assert BEGAN().generator(torch.tensor([1.0, 3.0])) == 2
