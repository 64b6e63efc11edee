"""Wrong values of every key: refused by name, or accepted and then really trained; none ends in a traceback."""

import math
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tiny import tiny_overrides

from gan_experiments.config.check import check_config, check_values
from gan_experiments.config.compose import compose
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.train import train

CONF = Path(__file__).parent.parent.parent / "conf"
VALUES = (
    -1, 0, 0.5, 10**15, 10**30, 10**400, 1e15, 1e308, 1e-308, math.nan, math.inf, True, "", "text", "\x1b[31m\n",
    [], [-1], [10**15], {}, {"a": [1]}, None,
)  # fmt: skip
GROUPS = ("model", "task", "conditioning", "loss", "penalty", "augment", "optimizer", "metrics", "dataset", "trainer")
# What the option of a group needs besides.
BESIDES = {
    "model=autoencoder": ["loss=ebgan"],
    "loss=ebgan": ["model=autoencoder"],
    "loss=began": ["model=autoencoder"],
    "loss=none": ["model=vae"],
    "optimizer=vae": ["model=vae"],
    "metrics=class_fid": ["metrics=[native,class_fid]", "conditioning=projection"],
    "metrics=classification_score": ["metrics=[native,classification_score]", "conditioning=projection"],
    "metrics=equivariance": ["metrics=[native,equivariance]", "model=stylegan3", "dataset=polygons"],
    "metrics=kid": ["metrics=[native,kid]", "metrics.features.kid.subset_size=20"],
    "metrics=lpips_diversity": ["metrics=[native,lpips_diversity]", "dataset=polygons"],
    "metrics=memorization": ["metrics=[native,memorization]", "dataset.limit=1000"],
    "metrics=mixture": ["metrics=[native,mixture]", "dataset=polygons"],
    "metrics=pairs": ["metrics=[native,pairs]", "model=pix2pix", "task=denoise"],
    "metrics=lpips": ["metrics=[native,lpips]", "model=pix2pix", "task=denoise", "dataset=polygons"],
    "metrics=cycle_error": ["metrics=[native,cycle_error]", "model=cyclegan"],
    "metrics=label_kept": ["metrics=[native,label_kept]", "model=cut"],
    "metrics=equilibrium": ["dataset=dirac"],
    "model=dirac": ["dataset=dirac"],
    "model=fastgan": ["dataset=polygons"],
    "penalty=reconstruction": ["model=fastgan", "dataset=polygons"],
    **{f"penalty={name}": ["model=sngan"] for name in ("dragan", "max_gradient_penalty", "wgan_gp")},
    "model=linear_quadratic": ["dataset=gaussian"],
    "model=mlp_points": ["dataset=ring"],
    **{f"task={task}": ["model=pix2pix"] for task in ("deblur", "denoise", "edges", "inpaint", "super_resolution")},
    "task=colorize": ["model=pix2pix", "dataset=stacked_digits"],
    "optimizer=pix2pix": ["model=pix2pix"],
    "dataset=paired": ["model=pix2pix", "task=none", "dataset.root=nowhere"],
    "dataset=unpaired": ["model=cyclegan", "dataset.root_a=nowhere", "dataset.root_b=nowhere"],
    "dataset=two_classes": ["model=cyclegan", "dataset@dataset.of=digits", "dataset.class_a=3", "dataset.class_b=5"],
    "metrics=known_distribution": ["dataset=stacked_digits"],
    "dataset=facades": ["model=pix2pix", "task=none"],
    "dataset=horse2zebra": ["model=cyclegan", "task=none"],
    **{f"dataset={name}": ["dataset.path=nowhere"] for name in ("hdf5", "huggingface", "lmdb")},
    "dataset=image_archive": ["dataset.path=nowhere.zip"],
    "dataset=image_folder": ["dataset.root=nowhere"],
    "dataset=shards": ["dataset.urls=nowhere.tar"],
    "dataset=stl10": ["dataset.image_size=32"],
    "dataset=torch_dataset": ["dataset.dataset={_target_: torchvision.datasets.FakeData}", "trusted=[torchvision]"],
}
OPTIONS = {group: [path.stem for path in sorted((CONF / group).glob("*.yaml"))] for group in GROUPS}
BASES = (
    *(
        f"{group}={path.stem}"
        for group in GROUPS
        for path in sorted((CONF / group).glob("*.yaml"))
        if path.stem != "base"
    ),
    "+ramps.a={keys: [penalty.r1.weight], to: 2, end: 32, start: 8, kind: linear}",
)
# Keys that need a network or a second process, or that name places.
NOT_TRAINED = (
    "name", "output_dir", "resume", "rerun", "trusted", "trainer", "cache_dir", "weights", "root", "budget",
    "callbacks.progress",
)  # fmt: skip
AT_HAND = ("digits", "grid", "ring", "swiss_roll", "polygons", "stacked_digits")


@cache
def config_of(base):
    """Return the tiny config with one option of a group, and its keys that no earlier base has."""
    group, _, option = base.partition("=")
    beside_others = [[f"metrics=[native,{option}]"]] if group == "metrics" else []  # what brings no samples of its own
    for lines in ([base, *BESIDES.get(base, [])], *beside_others):
        chosen = tiny_overrides(*lines)
        for _ in range(2):
            try:
                return OmegaConf.to_container(compose("train", chosen), resolve=True)
            except ConfigError as error:
                last = error
                unfit = {line.partition(":")[0] for line in error.problems}
                chosen = [line for line in chosen if line in lines or line.partition("=")[0] not in unfit]
    raise last


def leaves(node, path=()):
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def at(config, path):
    for part in path:
        config = config[part]
    return config


@cache
def keys():
    """Return one base and path for each option of each class and section."""
    found = {}
    for base in BASES:
        config = config_of(base)
        for path in leaves(config):
            owner = at(config, path[:-1]).get("_target_", path[:-1]) if path[-1] != "_target_" else path[:1]
            found.setdefault((owner, path[-1]), (base, path))
    return list(found.values())


def changed(base, path, value):
    """Return the config with one value changed, sharing the others with it."""
    node = config = dict(config_of(base))
    for key in path[:-1]:
        node[key] = node = dict(node[key])
    node[path[-1]] = value
    return config


def cases():
    return [(base, path, value) for base, path in keys() for value in VALUES]


def checked(base, path, value):
    """Return the errors and the warnings that a value brings, each of which names its key."""
    before = known(base)
    check_values(changed(base, path, value), Config)  # of which rules ask before the components are looked into
    after = check_config(changed(base, path, value), Config, ["torchvision"])
    errors = [str(problem) for problem in after.errors if str(problem) not in before]
    warnings = [warning for warning in after.warnings if warning not in before]
    assert not errors or any(".".join(path) in line for line in errors), errors
    assert all(line.isprintable() for line in [*errors, *warnings])
    return errors, warnings


@cache
def known(base):
    before = check_config(config_of(base), Config, ["torchvision"])
    return [*map(str, before.errors), *before.warnings]


@pytest.mark.slow
def test_there_are_many_keys():
    assert len(keys()) > 300


@pytest.mark.slow
def test_each_value_is_refused_by_name_or_accepted(share):
    failures = {}
    for case in share(cases()):
        try:
            checked(*case)
        except Exception as error:  # whatever it is
            failures[case] = repr(error)[:300]
    assert not failures, failures


def trainable(base, path, value):
    key = ".".join(path)
    if any(key.startswith(name) or path[-1] == name for name in NOT_TRAINED) or at(config_of(base), path) == value:
        return False
    group, _, option = base.partition("=")
    at_hand = group != "dataset" or path[0] != group or option in AT_HAND
    return at_hand and not known(base) and not checked(base, path, value)[0]


def problem_in_training(case, run):
    """Train two steps, with a final evaluation; return what is wrong with how that ends."""
    base, path, value = case
    config = deepcopy(changed(base, path, value))
    config |= {"budget": {"images": 16}} | ({"logger": {}} if path[0] != "logger" else {})
    for count in ("num_points", "num_images"):
        if count in config["dataset"] and path[-1] != count:
            config["dataset"][count] = 200
    try:
        train(config, run)
    except ConfigError as error:
        if run.path.exists() or not any(name in str(error) for name in path[-2:]):
            return f"refused late, or not by name: {error}"
    except DivergedError:
        return None  # a line that names the term
    except Exception as error:  # whatever it is
        return repr(error)[:300]
    return None


def test_what_is_accepted_is_refused_for_a_reason_or_trains(share, tmp_path):
    failures = {}
    for number, case in enumerate(share(cases()[7::15])):  # one in ten of them is accepted, and takes seconds
        if trainable(*case) and (problem := problem_in_training(case, RunFolder(tmp_path / str(number)))):
            failures[case] = problem
    assert not failures, failures


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["optimizer.generator.lr=1e15"], "optimizer.generator.lr"),
        (["penalty.r1.interval=1000"], "penalty.r1.interval"),
        (["optimizer.schedule.kind=linear", "optimizer.schedule.end=1000"], "optimizer.schedule.end"),
        (["optimizer.schedule.warmup=1000"], "optimizer.schedule.warmup"),
        (["optimizer.schedule.end=32"], "optimizer.schedule.end"),
        (["dataset.long_tail=1e6"], "dataset.long_tail"),
        (["metrics.every=1000"], "metrics.every"),
        (["callbacks.monitor.every=1000"], "callbacks.monitor.every"),
        (["callbacks.samples.every=1000"], "callbacks.samples.every"),
        (["callbacks.checkpoint.every=1000"], "callbacks.checkpoint.every"),
        (["ema.start=1000"], "ema.start"),
        (["+ramps.a={keys: [penalty.r1.weight], to: 2, end: 1000}"], "ramps.a.end"),
        (["d_steps=1000"], "d_steps"),
        (["penalty=lecam"], "penalty.lecam.start_images"),
        (["penalty=top_k", "penalty.top_k.decay_every=1000"], "penalty.top_k.decay_every"),
        (["augment=ada", "augment.ada.images=1000"], "augment.ada.images"),
        (["augment=apa", "augment.apa.interval=1000"], "augment.apa.interval"),
        (["augment=instance_noise", "augment.instance_noise.images=1000"], "augment.instance_noise.images"),
    ],
)
def test_what_means_nothing_in_this_run_gets_a_warning(overrides, key):
    config = compose("train", tiny_overrides("ema.half_life=0", *overrides))
    before = check_config(compose("train", tiny_overrides("ema.half_life=0")), Config).warnings
    after = [line for line in check_config(config, Config).warnings if line not in before]
    assert [line.partition(":")[0] for line in after] == [key]
