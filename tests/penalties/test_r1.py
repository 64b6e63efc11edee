import pytest
import torch
from config_view import problems

from gan_experiments.core.types import DataFacts
from gan_experiments.penalties.r1 import R1


def test_of_a_linear_discriminator_it_is_half_the_squared_weight(parts):
    weight = torch.randn(32)
    value = R1().discriminator(parts.step(discriminator=parts.Linear(weight)))
    torch.testing.assert_close(value, weight @ weight / 2)


def test_of_a_quadratic_one_it_is_half_the_mean_squared_norm_of_the_reals(parts):
    step = parts.step(discriminator=parts.Quadratic(2.0))
    expected = (2 * step.real).flatten(1).square().sum(1).mean() / 2
    torch.testing.assert_close(R1().discriminator(step), expected)


@pytest.mark.parametrize("full_precision", [True, False])
def test_it_reuses_the_pass_of_the_loss_if_that_is_precise(parts, full_precision):
    discriminator = parts.Counting(parts.SmallDiscriminator())
    step = parts.step(discriminator=discriminator, full_precision=full_precision)
    before = discriminator.calls
    R1().discriminator(step)
    assert discriminator.calls - before == (0 if full_precision else 1)


def test_both_ways_give_the_same_gradient_of_the_weights(parts):
    discriminator = parts.SmallDiscriminator()
    parameters = list(discriminator.parameters())[:-1]  # not the last bias, on which it does not depend
    gradients = [
        torch.autograd.grad(
            R1().discriminator(parts.step(discriminator=discriminator, full_precision=precise)),
            parameters,
            allow_unused=True,
        )
        for precise in (True, False)
    ]
    torch.testing.assert_close(*gradients)


def test_the_automatic_weight_is_that_of_stylegan2_ada():
    penalty = R1(weight="auto")
    penalty.adapt_to(DataFacts("faces", 1024, 3), 32)
    assert penalty.weight == pytest.approx(6.5536)
    penalty = R1(weight=3.0)
    penalty.adapt_to(DataFacts("faces", 1024, 3), 32)
    assert penalty.weight == 3.0


@pytest.mark.parametrize(("size", "weight", "refused"), [(1, "auto", True), (8, "auto", False), (1, 0.1, False)])
def test_points_have_no_automatic_weight(size, weight, refused):
    class Images:
        def __init__(self, image_size=8):
            pass

    config = {
        "dataset": {"_target_": Images, "image_size": size},
        "penalty": {"r1": {"_target_": R1, "weight": weight}},
    }
    assert [line.partition(":")[0] for line in problems(config, "penalty.r1")] == ["penalty.r1.weight"] * refused
