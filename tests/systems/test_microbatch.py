import copy

import pytest
import torch
from config_view import problems
from tiny import SGD
from torch import nn

from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.types import ConfigError
from gan_experiments.losses.hinge import Hinge
from gan_experiments.losses.relativistic_average import RelativisticAverage
from gan_experiments.penalties.latent_optimization import LatentOptimization
from gan_experiments.penalties.r1 import R1
from gan_experiments.penalties.top_k import TopK
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.microbatch import refuse_microbatch, with_same_buffers
from gan_experiments.training.build import build
from gan_experiments.training.train import prepare

R3GAN = ("model=r3gan", "loss=relativistic_pairing", "penalty=r1_r2", "penalty.r1.before_augmentation=true")
CASES = {
    "augmented, by clean images": [*R3GAN, "augment=ada", "augment.ada.p=0.7", "augment.ada.target=null"],
    "spectral norm": [*R3GAN[:2], "penalty=wgan_gp", "model.discriminator.spectral_norm=true", "d_steps=2"],
    "simultaneous": [
        *R3GAN[:2],
        "penalty=wgan_gp",
        "model.discriminator.spectral_norm=true",
        "model.update_order=simultaneous",
    ],
    "groups and an average": ["model=stylegan2", "model.generator.mixing=0", "model.generator.style_dim=8"],
    "magnitudes": ["model=stylegan3", "model.generator.style_dim=8", "model.generator.layers=3"],
    "packs, more fakes": ["model=mlp", "model.discriminator.packing=2", "loss=hinge", "model.generator_batch=2"],
}


@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_two_steps_in_parts_are_those_of_the_batch(tiny, tmp_path, overrides):
    results = []
    spectral = "model.discriminator.spectral_norm=true" in overrides
    for size in ("null", "4"):
        given = [line for line in overrides if "spectral" not in line]
        config = tiny("metrics=none", *given, *SGD, "batch_size=8", "budget.images=16", f"model.microbatch={size}")
        if spectral:
            target = "gan_experiments.networks.sndcgan.SNDCGANDiscriminator"
            config["model"]["discriminator"] = {"_target_": target, "channels": 2}
        parts = build(config, RunFolder(tmp_path / size))
        seen = []
        parts.system._real_outputs = seen
        parts.trainer.fit(parts.system, datamodule=parts.data)
        networks = parts.system.discriminator, parts.system.generator, parts.system.ema
        states = [network.state_dict() for network in networks]
        for state in states:  # the strength of pixel noise, which is drawn anew for every part, is left out
            [state.pop(key) for key in list(state) if key.endswith("strength")]
        results.append((states, parts.system.statistics.check()))
        assert len(seen) == (1 if size == "null" else 2)
    for one, two in zip(results[0][0], results[1][0], strict=True):
        torch.testing.assert_close(two, one, rtol=1e-3, atol=1e-5)
    assert results[1][1] == pytest.approx(results[0][1], rel=1e-3, abs=1e-5)


def test_buffers_start_each_part_alike_and_end_as_their_mean():
    layer = nn.BatchNorm1d(1)
    layer.running_mean.fill_(3.0)
    seen = []
    for index, value in with_same_buffers([1.0, 2.0, 6.0], [layer]):
        seen.append((index, layer.running_mean.item(), layer.num_batches_tracked.item()))
        layer.running_mean.fill_(value)
        layer.num_batches_tracked += 1
    assert seen == [(0, 3.0, 0), (1, 3.0, 0), (2, 3.0, 0)]
    assert layer.running_mean.item() == pytest.approx(3.0)
    assert layer.num_batches_tracked.item() == 1
    (only,) = with_same_buffers(["all"], [layer])
    assert only == (0, "all")


class Comparing(nn.Module):
    couples_batch = True


class Grouping(nn.Module):
    couples_batch = 4


class Packing(Discriminator):
    packing = 2

    def __init__(self, layer):
        nn.Module.__init__(self)
        self.layer = layer


@pytest.mark.parametrize(
    ("network", "size", "text"),
    [
        (
            nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)),
            4,
            r"model.generator compares all .* \(BatchNorm1d 1\)",
        ),
        (nn.Sequential(Comparing()), 4, r"model.generator compares all images of a batch \(Comparing 0\)"),
        (Comparing(), 4, r"model.generator compares all images of a batch \(Comparing\)"),
        (Grouping(), 6, "compares groups of 4 images, which 6 is no multiple of"),
        (Packing(Grouping()), 4, "compares groups of 8 images, which 4 is no multiple of"),
        (Packing(Grouping()), 8, None),
        (nn.Sequential(Grouping(), nn.InstanceNorm2d(1)), 8, None),
        (nn.Sequential(nn.BatchNorm1d(1)).eval(), 8, None),
    ],
)
def test_networks_that_compare_images_are_refused(network, size, text):
    if text is None:
        refuse_microbatch({"generator": network}, size, size)
    else:
        with pytest.raises(ConfigError, match=text):
            refuse_microbatch({"generator": network}, size, size)


class Packs(Discriminator):
    def __init__(self, facts, packing=2):
        super().__init__(facts, packing)


PLAIN = ("metrics=none", "model=mlp", "loss=hinge", "trainer.devices=auto", "~callbacks.progress")
BATCH_NORM = ("model=dcgan", "model.generator.norm=none", "loss=hinge", "model.microbatch=4", "batch_size=8")


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["model.microbatch=48"], "model.microbatch: 48 is no divisor of the 64 images of a step; 1, 2, 4, 8"),
        (["model.microbatch=1", "model.discriminator.packing=2"], "microbatch: 1 is no divisor of .* in whole packs"),
        (["model.discriminator.packing=3"], "batch_size: 64 images are no whole number of packs of 3 in each process"),
        (["model.microbatch=32", "model.discriminator.packing=2"], None),
        (BATCH_NORM, r"model.microbatch: model.discriminator compares all images of a batch \(BatchNorm2d"),
        ([*BATCH_NORM, "freeze.discriminator=['*.3']"], None),
    ],
)  # fmt: skip
def test_a_batch_is_checked_before_a_run_where_processes_and_frozen_parts_are_known(tiny, tmp_path, overrides, text):
    config = tiny(*PLAIN, "batch_size=64", *overrides)
    if text is None:
        assert prepare(config, RunFolder(tmp_path)).trainer.world_size == 1
    else:
        with pytest.raises(ConfigError, match=text):
            prepare(config, RunFolder(tmp_path))


def test_a_system_that_is_trained_without_the_checks_of_a_run_refuses_them_too(tiny, tmp_path):
    parts = build(tiny(*PLAIN, "batch_size=64", "model.microbatch=48"), RunFolder(tmp_path))
    with pytest.raises(ConfigError, match="48 is no divisor"):
        parts.trainer.fit(parts.system, datamodule=parts.data)


GIVEN = {
    "model": {"_target_": GAN, "microbatch": 4, "discriminator": {"_target_": Packs}},
    "loss": {"_target_": Hinge},
    "penalty": {"r1": {"_target_": R1}},
    "batch_size": 16,
    "trainer": {"devices": 2, "num_nodes": 1},
}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("loss", {"_target_": RelativisticAverage}, "loss compares all images of a batch"),
        ("penalty", {"it": {"_target_": TopK}}, "penalty.it compares all images of a batch"),
        ("penalty", {"it": {"_target_": LatentOptimization}}, "penalty.it moves latents"),
        ("model.share_fakes", True, "model.share_fakes needs all fakes of a step at once"),
        ("model.unroll_steps", 1, "model.unroll_steps needs all fakes of a step at once"),
        ("model.microbatch", 3, "3 is no divisor of the 8 images of a step in whole packs; 2, 4, 8 are"),
        ("model.microbatch", 1, "1 is no divisor of the 8 images of a step in whole packs; 2, 4, 8 are"),
        ("model.microbatch", 16, "16 is no divisor of the 8 images"),
        ("model.microbatch", 2, None),
    ],
)
def test_what_needs_the_whole_batch_is_refused(key, value, text):
    config = copy.deepcopy(GIVEN)
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    node[last] = value
    found = problems(config, "model")
    assert [line.partition(": ")[2].startswith(text or "") for line in found] == [True] * (text is not None)
