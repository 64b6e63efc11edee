"""What a system trains with, and what it would ignore."""

import pytest
from config_view import config_view, problems

from gan_experiments.losses.hinge import Hinge
from gan_experiments.systems.base import System
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.vae import VAE


class Generative(System):
    adversarial = False


@pytest.mark.parametrize("system", [Generative, VAE])
@pytest.mark.parametrize(
    ("rest", "keys"),
    [
        ({"loss": {"_target_": Hinge}}, ["loss"]),
        ({"penalty": {"r1": {}}}, ["penalty"]),
        ({"augment": {"noise": {}}, "d_steps": 2}, ["augment", "d_steps"]),
        ({"optimizer": {"discriminator": {}}}, ["optimizer.discriminator"]),
        ({"optimizer": {"discriminator": None, "clip": {"discriminator": 1.0}}}, ["optimizer.clip.discriminator"]),
        ({"loss": None, "penalty": {}, "augment": {}, "d_steps": 1, "optimizer": {"discriminator": None}}, []),
    ],
)
def test_a_system_without_a_discriminator_refuses_what_it_would_ignore(system, rest, keys):
    found = problems({"model": {"_target_": system}} | rest, "model")
    assert [line.partition(":")[0] for line in found] == keys
    assert all(f"{system.__name__} has no discriminator" in line for line in found)


@pytest.mark.parametrize("system", [System, GAN])
@pytest.mark.parametrize(
    ("rest", "keys"),
    [
        ({"loss": None}, ["loss"]),
        ({"optimizer": {"discriminator": None}}, ["optimizer.discriminator"]),
        ({"loss": {"_target_": Hinge}, "optimizer": {"discriminator": {}}, "d_steps": 2}, []),
        ({}, []),
    ],
)
def test_a_system_with_a_discriminator_refuses_what_it_lacks(system, rest, keys):
    found = problems({"model": {"_target_": system}} | rest, "model")
    assert [line.partition(":")[0] for line in found] == keys
    assert all(f"{system.__name__} trains a discriminator and needs one" in line for line in found)


def test_what_is_refused_already_is_not_lacking():
    config = {"model": {"_target_": GAN}, "loss": None}
    assert problems(config, "model", refused=["loss"]) == []


def test_the_half_life_and_betas_can_change_in_every_system():
    optimizer = {"generator": {"betas": [0.5, 0.9]}, "discriminator": None}
    limits = System.ramp_limits(config_view({"optimizer": optimizer}))
    assert list(limits) == ["optimizer.generator.betas[0]", "optimizer.generator.betas[1]", "ema.half_life"]
    assert limits["optimizer.generator.betas[0]"] < 1
