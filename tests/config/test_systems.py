import pytest

from gan_experiments.config.compose import compose
from gan_experiments.config.schema import check


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (["model=vae", "loss=hinge"], ["loss"]),
        (["model=vae", "loss._target_=nothing"], ["loss", "loss._target_"]),
        (["model=vae", "penalty=r1"], ["penalty"]),
        (["model=mlp_vae", "augment=instance_noise", "d_steps=2"], ["augment", "d_steps"]),
        (["model=vae", "optimizer=adam"], ["optimizer.discriminator"]),
        (["model=vae", "optimizer.clip.discriminator=1.0"], ["optimizer.clip.discriminator"]),
        (["loss=none"], ["loss"]),
        (["optimizer=vae"], ["optimizer.discriminator"]),
        (["model=vae", "model.likelihood=bernoulli", "model.sigma=0.5"], ["model.sigma"]),
        (["model=vae", "model.likelihood=bernoulli", "trainer.precision=bf16-mixed"], ["trainer.precision"]),
        (["model=vae", "model.discriminator.channels=3"], ["model.discriminator"]),
        (
            ["model=vae", "model.encoder._target_=gan_experiments.networks.mlp.MLPDiscriminator"],
            ["model.encoder._target_"],
        ),
    ],
)
def test_what_a_system_has_no_use_for_is_refused(overrides, keys):
    found = {line.partition(":")[0] for line in check(compose("train", overrides))}
    assert set(keys) <= found
    assert len(found) <= len(keys) + 2 * ("encoder" in overrides[-1])


@pytest.mark.parametrize("model", ["vae", "mlp_vae"])
def test_a_vae_brings_what_it_trains_with(model):
    config = compose("train", [f"model={model}"])
    assert check(config) == []
    assert config.loss is None
    assert config.penalty == {}
    assert check(compose("train", [f"model={model}", "model.likelihood=bernoulli", "model.beta=4"])) == []


def test_what_the_command_line_says_goes_first():
    assert compose("train", ["model=vae", "loss=hinge"]).loss._target_.endswith("Hinge")
    assert compose("train", ["experiment=wgan_gp", "model=vae"]).loss._target_.endswith("Wasserstein")
