import numpy as np
import pytest
import torch
from config_view import problems, warnings

from gan_experiments.losses.minimax import Minimax
from gan_experiments.systems.gan import GAN


def test_the_generator_minimizes_what_the_discriminator_maximizes(outputs):
    real, fake, _, f = outputs
    loss = Minimax()
    assert loss.generator(fake).item() == pytest.approx(np.log(1 - 1 / (1 + np.exp(-f))).mean())
    (of_discriminator,) = torch.autograd.grad(loss.discriminator(real, fake), fake)
    (of_generator,) = torch.autograd.grad(loss.generator(fake), fake)
    torch.testing.assert_close(of_generator, -of_discriminator)


def test_it_saturates_where_the_discriminator_is_sure():
    fake = torch.tensor([-20.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(Minimax().generator(fake), fake)
    assert 0 > gradient.item() > -1e-8


def test_of_the_whole_objective_an_unrolled_generator_learns_through_both_terms():
    weight = torch.tensor(0.3, requires_grad=True)  # of the generator; the discriminator's outputs depend on it
    real, fake = 2 * weight + torch.arange(3.0), -weight * torch.arange(3.0)
    part, whole = Minimax(), Minimax(whole=True)
    assert (part.generator_needs_real, whole.generator_needs_real) == (False, True)
    assert part.generator(fake, real) == part.generator(fake)
    (gradient,) = torch.autograd.grad(whole.generator(fake, real), weight, retain_graph=True)
    (expected,) = torch.autograd.grad(-whole.discriminator(real, fake), weight, retain_graph=True)
    torch.testing.assert_close(gradient, expected)
    (of_part,) = torch.autograd.grad(part.generator(fake), weight)
    assert abs(gradient - of_part) > 0.1


def test_of_the_whole_objective_what_has_no_effect_is_warned_of_and_more_fakes_are_refused():
    for whole, model, warned, refused in (
        (True, {}, 1, 0),
        (True, {"unroll_steps": 5}, 0, 0),
        (False, {"generator_batch": 2}, 0, 0),
        (True, {"generator_batch": 2}, 1, 1),
    ):
        config = {"model": {"_target_": GAN, **model}, "loss": {"_target_": Minimax, "whole": whole}}
        assert [line.partition(": ")[0] for line in warnings(config, "loss")] == ["loss.whole"] * warned
        assert [line.partition(": ")[0] for line in problems(config, "loss")] == ["model.generator_batch"] * refused
