"""Against eigenvalues that are known: closed forms, and automatic differentiation of steps written by hand."""

import cmath
import math

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from gan_experiments.api.stability import Stability, jacobian_of, stability
from gan_experiments.config.compose import compose
from gan_experiments.training.build import construct

RATE = 0.2
RATES = [f"optimizer.{network}.lr={RATE}" for network in ("generator", "discriminator")]
R1 = ["penalty=r1", "penalty.r1.interval=1"]
SIMULTANEOUS = "model.update_order=simultaneous"
LOSSES = {
    "non_saturating": [], "minimax": [], "hinge": [], "wasserstein": [], "dual_contrastive": [],
    "relativistic_pairing": [], "least_squares": ["model.discriminator.bias=true"],
    "relativistic_average": [], "relativistic_average least_squares": ["loss.form=least_squares"],
    "relativistic_average hinge": ["loss.form=hinge"],
    **{f"f_gan {name}": [f"loss.divergence={name}"]
       for name in ("kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon")},
}  # fmt: skip


def config_of(*overrides):
    return OmegaConf.to_container(compose("stability", ["batch_size=4", *overrides]), resolve=True)


def of_loss(name):
    return [f"loss={name.partition(' ')[0]}", *LOSSES[name]]


def slopes(name):
    """Return how fast the fake's output changes both losses, at outputs with which no network learns."""
    loss = construct(config_of(*of_loss(name))["loss"])
    at = 0.5 if name == "least_squares" else 0.0  # halfway between its targets
    fake = torch.full((4,), at, dtype=torch.float64, requires_grad=True)
    real = torch.full_like(fake, at)
    (of_discriminator,) = torch.autograd.grad(loss.discriminator(real, fake).sum(), fake)
    (of_generator,) = torch.autograd.grad(loss.generator(fake, real).sum(), fake)
    return of_discriminator.sum().item(), -of_generator.sum().item()


@pytest.mark.parametrize("name", LOSSES)
def test_alternating_descent_contracts_under_r1_whatever_the_loss(name):
    """The determinant of the step is ``1 - h gamma`` (Mescheder, Geiger & Nowozin 2018, Dirac-GAN)."""
    found = stability(config_of(*of_loss(name), *RATES, *R1, "penalty.r1.weight=0.3"))
    assert found.radius == pytest.approx(math.sqrt(1 - RATE * 0.3), abs=1e-6) == pytest.approx(0.9695, abs=1e-3)
    assert (found.verdict, found.period) == ("converges", 1)
    assert found.half_life == pytest.approx(math.log(0.5) / math.log(0.9695), rel=1e-2)


@pytest.mark.parametrize("name", LOSSES)
def test_without_a_penalty_simultaneous_descent_diverges_and_alternating_descent_orbits(name):
    first, second = slopes(name)
    found = stability(config_of(*of_loss(name), *RATES, SIMULTANEOUS))
    assert found.radius == pytest.approx(math.sqrt(1 + RATE**2 * first * second), abs=1e-6)
    assert found.verdict == "diverges"
    assert stability(config_of(*of_loss(name), *RATES)).verdict == "orbits"
    if name in ("non_saturating", "minimax", "relativistic_pairing"):
        assert found.radius == pytest.approx(1.0050, abs=1e-3)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
def test_the_eigenvalues_of_continuous_time(gamma):
    """They become real at ``gamma = 1`` (Mescheder, Geiger & Nowozin 2018, lemma 4.1 with ``f'(0) = 1/2``)."""
    found = stability(config_of(*RATES, *R1, f"penalty.r1.weight={gamma}", SIMULTANEOUS))
    root = cmath.sqrt(gamma**2 / 4 - 1 / 4)
    expected = sorted([-gamma / 2 + root, -gamma / 2 - root], key=lambda value: (value.real, value.imag))
    continuous = sorted((found.eigenvalues - 1) / RATE, key=lambda value: (value.real, value.imag))
    assert continuous == pytest.approx(expected, abs=1e-3)


def test_momentum_is_part_of_the_step():
    def step(state):
        point, slope, of_point, of_slope = state
        fake = slope * point
        gradient = torch.sigmoid(fake) * point + 0.3 * slope  # of softplus(fake) + softplus(-0), and of R1
        of_slope = 0.5 * of_slope + gradient
        slope = slope - RATE * of_slope
        of_point = 0.5 * of_point - torch.sigmoid(-slope * point) * slope
        return torch.stack([point - RATE * of_point, slope, of_point, of_slope])

    expected = torch.func.jacrev(step)(torch.zeros(4, dtype=torch.float64)).numpy()
    momentum = [f"optimizer.{network}.momentum=0.5" for network in ("generator", "discriminator")]
    found = stability(config_of(*RATES, *momentum, *R1, "penalty.r1.weight=0.3"))
    known = np.linalg.eigvals(expected)
    assert np.sort_complex(found.eigenvalues) == pytest.approx(np.sort_complex(known), abs=1e-6)


def test_a_period_is_as_long_as_what_recurs_in_it():
    found = stability(config_of(*RATES, "penalty=r1", "penalty.r1.weight=0.3", "penalty.r1.interval=3", "d_steps=2"))
    assert found.period == 6

    def period(state):
        point, slope = state
        for number in range(6):
            gamma = 0.9 if number % 3 == 0 else 0.0
            slope = slope - RATE * (torch.sigmoid(slope * point) * point + gamma * slope)
            if number % 2:
                point = point + RATE * torch.sigmoid(-slope * point) * slope
        return torch.stack([point, slope])

    jacobian = torch.func.jacrev(period)(torch.zeros(2, dtype=torch.float64)).numpy()
    assert found.radius == pytest.approx(np.abs(np.linalg.eigvals(jacobian)).max() ** (1 / 6), abs=1e-6)


def test_adam_with_a_large_eps_is_descent_with_momentum_and_without_one_has_no_jacobian():
    adam = ["optimizer=adam", *(f"optimizer.{network}.lr=0.02" for network in ("generator", "discriminator"))]
    large = [f"+optimizer.{network}.eps=0.1" for network in ("generator", "discriminator")]
    found = stability(config_of(*adam, *large, *R1, "penalty.r1.weight=0.3"))

    def step(state):  # of rate lr / eps, with averages in the place of sums
        point, slope, of_point, of_slope = state
        of_slope = 0.5 * of_slope + 0.5 * (torch.sigmoid(slope * point) * point + 0.3 * slope)
        slope = slope - 0.2 * of_slope
        of_point = 0.5 * of_point - 0.5 * torch.sigmoid(-slope * point) * slope
        return torch.stack([point - 0.2 * of_point, slope, of_point, of_slope])

    expected = np.linalg.eigvals(torch.func.jacrev(step)(torch.zeros(4, dtype=torch.float64)).numpy())
    assert np.abs(found.eigenvalues) == pytest.approx(  # mean squares of gradients decay by beta2, as 0.999
        np.sort([*np.abs(expected), 0.999, 0.999])[::-1], abs=1e-4
    )
    found = stability(config_of(*adam, "steps=200", "distance=0.01"))
    assert len(found.distances) == 201
    assert found.distances[0] == 0.01
    assert math.isnan(found.radius)


def test_a_penalty_with_a_kink_has_no_jacobian():
    """The Dirac-GAN with WGAN-GP does not converge (Mescheder, Geiger & Nowozin 2018, lemma 3.2)."""
    found = stability(config_of("loss=wasserstein", "penalty=wgan_gp", *RATES, "steps=400"))
    assert found.distances
    assert found.verdict != "converges"


def test_a_number_that_shifts_all_outputs_is_neutral():
    found = stability(config_of("loss=wasserstein", "model.discriminator.bias=true", *RATES, *R1))
    assert (found.neutral, len(found.eigenvalues), found.verdict) == (1, 2, "converges")


@pytest.mark.parametrize(("gamma", "verdict"), [(10, "converges"), (1, "diverges")])
def test_principal_components_are_stable_if_the_discriminator_is_fast_enough(gamma, verdict):
    """Away from them ``W`` grows along the smaller axis to ``1 / (2 gamma)``, and the generator with that rate."""
    pca = ["dataset=gaussian", "model=linear_quadratic", "loss=wasserstein", "batch_size=500", *RATES, *R1]
    found = stability(config_of(*pca, f"penalty.r1.weight={gamma}"))
    assert found.verdict == verdict
    assert (found.neutral, len(found.eigenvalues)) == (1, 5)
    assert found.residual < 1e-8


def test_what_shrinks_grows_and_stays():
    def verdict(*distances):
        return Stability(np.zeros(0, dtype=complex), 0, 1, 0.0, distances).verdict

    assert verdict(0.1, 0.2, 0.2, 0.02) == "converges"
    assert verdict(0.1, 0.2, 0.2, 0.3) == verdict(0.1, 0.01, 0.02, 0.09) == "orbits"
    assert verdict(0.1, 0.2, 0.2, 0.5) == verdict(0.1, 0.2, 0.2, math.nan) == "diverges"


def test_a_kink_is_no_derivative():
    def kink(state):
        return np.maximum(state, 0.0)

    assert jacobian_of(kink, np.zeros(2)) is None
    assert jacobian_of(kink, np.array([1.0, -1.0])) == pytest.approx(np.diag([1.0, 0.0]))
