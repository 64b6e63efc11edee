"""Every loss with every penalty and every network, found by their files, in the real system on tiny networks."""

from copy import deepcopy
from functools import cache

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from tiny import LARGE, SGD, TRANSLATORS  # tests/systems/test_translation.py trains those

from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.files import conf_dir
from gan_experiments.config.schema import Config
from gan_experiments.config.targets import find_class
from gan_experiments.networks.conditioning import Conditioning
from gan_experiments.training.build import build_system, construct

LOSSES = sorted(file.stem for file in (conf_dir() / "loss").glob("*.yaml") if file.stem != "none")
PENALTIES = sorted(file.stem for file in (conf_dir() / "penalty").glob("*.yaml"))
MODELS = sorted(file.stem for file in (conf_dir() / "model").glob("*.yaml") if file.stem not in ("base", *TRANSLATORS))
CONDITIONINGS = sorted(file.stem for file in (conf_dir() / "conditioning").glob("*.yaml"))
REFUSED = {("relativistic_pairing", "top_k"), ("began", "reconstruction"), ("ebgan", "reconstruction")}
NETWORKS = ("discriminator", "generator")
# Slow to build, and shown to losses as others are: as maps of logits or one each.
SLOW, SHOWN_TO = (
    {"biggan_deep", "fastgan", "projected_gan", "stylegan3", "transformer"},
    {"hinge", "relativistic_pairing"},
)
NETWORK_CASES = [(loss, model) for loss in LOSSES for model in MODELS if model not in SLOW or loss in SHOWN_TO]
SHRUNK = {
    "channels": 2, "hidden": [16], "latent_dim": 12, "embedding_dim": 4, "weights": "random", "resolution": 128,
    "width": 16, "depth": 2, "heads": 2, "layers": 3,
}  # fmt: skip
TINY = {
    "logits": ["model=mlp", "model.generator.hidden=[16]", "model.discriminator.hidden=[16]"],
    "energy": ["model=autoencoder", "model.generator.channels=2", "model.discriminator.channels=2"],
}
PLAIN = [penalty for penalty in PENALTIES if penalty != "reconstruction"]  # those of the networks above
WITH_DECODERS = ["model.generator.channels=2", "model.discriminator.channels=2", *LARGE["reconstruction"]]
SMALLEST = {"lecam": ["penalty.lecam.start_images=0"], "path_length": ["penalty.path_length.interval=1"]}


def check(config):
    return [str(problem) for problem in check_config(config, Config).errors]


@cache
def composed(*overrides):
    """Compose a plain config; files are composed once each, which takes longer than the training."""
    return OmegaConf.to_container(compose("train", overrides), resolve=True)


def config_of(loss, penalty="none", *overrides):
    """Return a config of both."""
    chosen = composed(f"loss={loss}")["loss"]
    output = find_class(chosen["_target_"]).discriminator_output
    network = WITH_DECODERS if penalty == "reconstruction" else TINY[output]
    base = composed(*network, "model.generator.latent_dim=8", "batch_size=8", *overrides)
    penalties = composed(f"penalty={penalty}", *SMALLEST.get(penalty, []))["penalty"]
    return deepcopy({**base, "loss": chosen, "penalty": penalties})


@cache
def network_of(model, conditioning):
    """Return a config of a tiny network on the smallest images it takes; ``None`` if it is not conditioned that way."""
    chosen = composed(f"model={model}")["model"]
    if "discriminator" not in chosen:
        return None
    small = [
        f"model.{name}.{key}={str(value).replace(' ', '')}"
        for name in NETWORKS for key, value in SHRUNK.items() if key in chosen[name]
    ]  # fmt: skip
    small += (
        [f"model.{name}.spectral_norm=false" for name in NETWORKS] if model == "biggan_deep" else []
    )  # slow to build
    small.append(f"batch_size={2 if model == 'projected_gan' else 8}")  # its feature network is large
    output = find_class(chosen["discriminator"]["_target_"]).output
    small += ["loss=ebgan"] if output == "energy" else []
    sizes = find_class(chosen["generator"]["_target_"]).image_sizes
    if sizes and 8 not in sizes:
        small += ["dataset=polygons", f"dataset.image_size={min(sizes)}", "dataset.num_images=16"]
    config = composed(f"model={model}", f"conditioning={conditioning}", "penalty=none", *small)
    return None if conditioning != "none" and check(config) else config


def conditioned(model, loss):
    """Return a config of both, conditioned in a way that depends on the pair, so that all ways are met."""
    turn = MODELS.index(model) + LOSSES.index(loss)
    ways = [*CONDITIONINGS[turn % len(CONDITIONINGS) :], *CONDITIONINGS[: turn % len(CONDITIONINGS)]]
    network = next((config for way in ways if (config := network_of(model, way)) is not None), None)
    return network and deepcopy({**network, "loss": composed(f"loss={loss}")["loss"]})


def train(config, measure=lambda *_: None, steps=2, precision="32-true", tamper=lambda system: None):
    """Train a config; return the terms of its steps, and ``measure`` before and after each step of each network."""
    data = construct(config["dataset"])
    system = build_system(config, data)
    tamper(system)
    measured = {name: [] for name in NETWORKS}

    def watch(network):
        take = getattr(system, f"_{network}_step")

        def watched(real, labels, fakes):
            before = measure(system, network, real, fakes)
            take(real, labels, fakes)
            measured[network].append((before, measure(system, network, real, fakes)))

        setattr(system, f"_{network}_step", watched)

    for network in NETWORKS:
        watch(network)
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, precision=precision, max_epochs=1, limit_train_batches=steps, barebones=True,
        use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(system, datamodule=data)
    return system.statistics.read(), measured  # reading raises DivergedError if a term is not finite


def parameters(system, *_):
    return {name: [p.detach().clone() for p in getattr(system, name).parameters()] for name in NETWORKS}


@torch.no_grad()
def advantage(system, network, real, fakes):
    """Return how much more real the reals look than the fakes of this step."""
    images = fakes.images if network == "discriminator" else system._draw_fakes("generator", real).images
    gap = (system.discriminator(real).mean() - system.discriminator(images).mean()).item()
    return -gap if system.discriminator.output == "energy" else gap


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_two_steps_of_each_pair_move_only_the_network_concerned(loss, penalty):
    config = config_of(loss, penalty)
    if (loss, penalty) in REFUSED:
        assert check(config)
        return
    assert check(config) == []
    terms, moves = train(config, parameters)
    assert {"loss/discriminator", "loss/generator"} <= set(terms)
    for network in NETWORKS:
        assert len(moves[network]) == 2
        for before, after in moves[network]:
            for name in NETWORKS:
                moved = any(not torch.equal(*pair) for pair in zip(before[name], after[name], strict=True))
                assert moved == (name == network), f"{name} in the step of the {network}"


@pytest.mark.parametrize(("loss", "model"), NETWORK_CASES)
def test_two_steps_of_each_network_with_each_loss(model, loss):
    config = conditioned(model, loss)
    problems = [] if config is None else check(config)
    if config is None or any(line.startswith("loss: ") for line in problems):
        pytest.skip("not trained with this loss")
    assert problems == []
    terms, moves = train(config, parameters)
    assert {f"penalty/{network}/{name}" for network in NETWORKS for name in config["penalty"]} <= set(terms)
    for network in NETWORKS:
        for before, after in moves[network]:
            for name in NETWORKS:
                moved = any(not torch.equal(*pair) for pair in zip(before[name], after[name], strict=True))
                assert moved == (name == network), f"{name} in the step of the {network}"


@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "reconstruction"])
def test_two_steps_of_each_penalty_on_packs_of_images_compared_over_the_batch(penalty):
    compared = ["model.discriminator.packing=2", "model.discriminator.minibatch=discrimination"]
    config = config_of("non_saturating", penalty, *compared)
    assert check(config) == []
    _, moves = train(config, parameters)
    assert all(len(moves[network]) == 2 for network in NETWORKS)


PARTS = [(loss, "none") for loss in LOSSES] + [("non_saturating", penalty) for penalty in PLAIN if penalty != "none"]


@pytest.mark.parametrize(("loss", "penalty"), PARTS)
def test_two_steps_in_parts_are_those_of_the_batch_or_refused(loss, penalty):
    whole, parts = (
        config_of(loss, penalty, *SGD, "model.generator.norm=none", f"model.microbatch={size}") for size in ("null", 4)
    )
    if lines := check(parts):
        assert all(line.startswith("model.microbatch: ") for line in lines)
        return
    expected, found = (train(config, parameters) for config in (whole, parts))
    assert found[0] == pytest.approx(expected[0], rel=1e-4, abs=1e-6)
    for network in NETWORKS:
        assert len(found[1][network]) == 2 * len(expected[1][network])
        torch.testing.assert_close(found[1][network][-1], expected[1][network][-1], rtol=1e-4, atol=1e-6)


def test_every_way_of_conditioning_is_met():
    heads = {conditioned(model, loss)["model"]["discriminator"].get("conditioning")
             for model in MODELS if "mlp" in model and conditioned(model, LOSSES[0]) for loss in LOSSES}  # fmt: skip
    assert heads == set(Conditioning.__args__)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_goes_the_right_way_from_the_initialization(loss):
    def judge_fakes(system):
        if hasattr(system.loss, "k"):
            system.loss.k.fill_(0.5)  # BEGAN's controller starts by leaving fakes alone

    _, seen = train(config_of(loss), advantage, steps=1, tamper=judge_fakes)
    ((before, after),) = seen["discriminator"]
    assert after > before
    ((before, after),) = seen["generator"]
    assert after < before


@pytest.mark.parametrize("loss", ["non_saturating", "ebgan"])
@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "none"])
def test_penalties_under_bf16_agree_with_float32(loss, penalty):
    """The same weights in both, which rates this small do not change, and fakes that differ by their rounding only."""
    if (loss, penalty) in REFUSED:
        pytest.skip("not trained with this loss")
    rates = [f"optimizer.{name}.lr=1e-30" for name in NETWORKS]
    config = config_of(loss, penalty, "batch_size=64", "seed=3", *rates)
    exact, mixed = (train(config, steps=1, precision=precision)[0] for precision in ("32-true", "bf16-mixed"))
    terms = [name for name in exact if name.startswith("penalty/")]
    assert terms or penalty in ("top_k", "weight_clipping")
    assert exact["loss/discriminator"] != mixed["loss/discriminator"]
    for name in terms:
        assert mixed[name] == pytest.approx(exact[name], rel=1e-2), name
