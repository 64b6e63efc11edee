import pytest
import torch

from gan_experiments.penalties.latent_optimization import LatentOptimization


@pytest.fixture
def linear(parts):
    """Linear networks: D(G(z)) = w A z has the gradient A^T w everywhere."""
    weight, matrix = torch.randn(32), torch.randn(32, 6)
    networks = {"discriminator": parts.Linear(weight), "generator": parts.LinearGenerator(matrix, (2, 4, 4))}
    return networks, matrix.T @ weight


def frozen(step):
    step.discriminator.requires_grad_(False)
    return step


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_it_is_a_natural_gradient_step_with_a_damped_fisher_matrix(parts, linear, share):
    networks, gradient = linear
    step = parts.step(**networks)
    count = round(6 * share)
    g = gradient[:count]
    move = torch.zeros(6)
    move[:count] = 0.9 * torch.linalg.solve(torch.outer(g, g) + 2.0 * torch.eye(count), g)
    moved = LatentOptimization(alpha=0.9, beta=2.0, share=share).latents(step)
    torch.testing.assert_close(moved, step.latents + move)


def test_it_raises_the_score_of_each_sample(parts):
    step = parts.step()
    moved = LatentOptimization(beta=0.1, share=1.0).latents(step)
    assert (step.discriminator(step.generator(moved)) > step.discriminator(step.generator(step.latents))).all()


def test_it_lowers_the_energy(parts):
    step = parts.step(discriminator=parts.Quadratic())
    step.discriminator.output = "energy"
    moved = LatentOptimization(share=1.0).latents(step)
    assert (step.discriminator(step.generator(moved)) < step.discriminator(step.generator(step.latents))).all()


def test_it_can_clip(parts):
    assert LatentOptimization(bound=0.3).latents(parts.step()).abs().max() <= 0.3


def test_both_losses_get_the_squared_length_of_the_move_once(parts, linear):
    networks, _ = linear
    penalty = LatentOptimization(beta=2.0)
    for side in ("discriminator", "generator"):
        step = parts.step(side=side, **networks)
        step.discriminator.requires_grad_(side == "discriminator")
        moved = penalty.latents(step)
        length = (moved - step.latents).square().sum(1).mean()
        torch.testing.assert_close(getattr(penalty, side)(step), length, rtol=1e-4, atol=1e-6)
        assert getattr(penalty, side)(step) is None


def test_the_generator_learns_through_the_move_and_the_discriminator_does_not(parts):
    penalty = LatentOptimization(beta=0.1)
    with torch.no_grad():
        assert not penalty.latents(parts.step()).requires_grad
    assert not penalty.latents(parts.step()).requires_grad  # a discriminator that is about to change
    step = frozen(parts.step(side="generator"))
    moved = penalty.latents(step)
    parameters = list(step.generator.parameters())[:3]  # the last bias does not move anything
    through = torch.autograd.grad(step.generator(moved).sum(), parameters)
    around = torch.autograd.grad(step.generator(moved.detach()).sum(), parameters)
    assert any(not torch.allclose(a, b) for a, b in zip(through, around, strict=True))


def test_low_precision_outside_does_not_reach_the_gradient(parts):
    step = parts.step()
    expected = LatentOptimization(beta=0.1).latents(step)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        moved = LatentOptimization(beta=0.1).latents(step)
    torch.testing.assert_close(moved, expected)
