"""Every option of every group trains; recipes do in test_experiments.py."""

from functools import partial
from pathlib import Path

import pytest
import quick_wandb
from backbones import random_backbone
from hydra.utils import get_class
from omegaconf import OmegaConf
from tiny import LARGE, tiny_overrides

from gan_experiments.config.compose import compose
from gan_experiments.core import weights
from gan_experiments.metrics import diversity, evaluator, path_length, translation
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build

CONF = Path(__file__).parent.parent / "conf"
TRAINED = (
    "model",
    "task",
    "conditioning",
    "loss",
    "penalty",
    "augment",
    "optimizer",
    "metrics",
    "callbacks",
    "logger",
)
NEEDS_ENERGY = ("ebgan", "began")
NEEDS_VAE = (("loss", "none"), ("optimizer", "vae"), ("model", "vae"))


POLYGONS = ["dataset=polygons", "dataset.image_size=32", "dataset.num_images=50"]

# A measure that is added to others, with what it asks of a run.
ADDED = {
    "authpct": [],
    "class_fid": ["conditioning=projection"],
    "classification_score": ["conditioning=projection", "metrics.measures.classification_score.training_images=256"],
    "cmmd": [],
    "equivariance": [
        "model=stylegan3",
        "dataset=polygons",
        "dataset.image_size=16",
        "dataset.num_images=50",
        "metrics=[random,{}]",
        "model.generator.layers=3",
        "metrics.measures.equivariance.images=4",
    ],
    "fid_infinity": [],
    "fls": ["dataset.limit=1000", "metrics.features.fls.images=50"],
    "kid": ["metrics.features.kid.subset_size=20"],
    "lpips_diversity": [*POLYGONS, "metrics=[random,{}]"],
    "memorization": ["dataset.limit=1000"],
    "mind": [],
    "mixture": [],
    "ppl": [*POLYGONS, "metrics=[random,{}]", "metrics.measures.ppl.network=alex"],
    "prd": [],
    "prdc": [],
    "sfid": [],
    "swd": [*POLYGONS, "metrics=[random,{}]", "metrics.measures.swd.patches=4", "metrics.measures.swd.directions=8"],
    "vendi": [],
    "ms_ssim": [*POLYGONS, "metrics=[random,{}]"],
    "pairs": ["model=pix2pix", "task=denoise"],
    "lpips": ["model=pix2pix", "task=denoise", *POLYGONS, "metrics=[random,{}]"],
    "cycle_error": ["model=cyclegan", "dataset=digits_twin"],
    "label_kept": ["model=cut", "dataset=digits_twin", "metrics.measures.label_kept.training_images=256"],
}

POLYGONS = ["dataset=polygons", "dataset.image_size=8", "dataset.num_images=50"]
DATA_OF = {"known_distribution": POLYGONS, "mixture": POLYGONS, "equilibrium": ["dataset=dirac"]}
CLASSIFIER = {"width": 4, "training_images": 2000}
WITHOUT_CHANNELS = ("dirac", "linear_quadratic", "mlp", "mlp_points", "mlp_vae", "equilibrium")


def added_to_others(option):
    told = [line.format(option) for line in ADDED[option]]
    overrides = [*tiny_overrides("budget.images=16", f"metrics=[native,{option}]", *told)]
    return [line for line in overrides if "random" not in str(told) or "native" not in line]


def no_network(*_, **__):
    raise OSError("no network in tests")


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem != "base")


def test_no_group_is_forgotten():
    groups = {path.name for path in CONF.iterdir() if path.is_dir()}
    assert groups == {
        *TRAINED,
        "dataset",
        "dataset_defaults",
        "experiment",
        "trainer",
        "output",
        "study",
        "hydra",
    }  # those have tests of their own


def test_defaults_of_datasets_belong_to_those_with_a_known_truth():
    config = {option: compose("data", [f"dataset={option}"]).dataset for option in options("dataset")}
    classes = {option: get_class(dataset._target_) for option, dataset in config.items()}
    known = [
        option
        for option, cls in classes.items()
        if cls.has_known_distribution or cls.has_equilibrium or (cls.has_answers and cls.domains == "unpaired")
    ]
    assert options("dataset_defaults") == sorted(["none", *known])


def needed(group, option):
    """Return the translator and the data that an option of translation is for."""
    if option in LARGE:
        unflipped = "horizontal_flip" in (CONF / group / f"{option}.yaml").read_text()  # polygons have no such option
        return [*LARGE[option], *["~dataset.horizontal_flip"] * unflipped]
    task = option if group == "task" else "denoise" if (group, option) == ("optimizer", "pix2pix") else "none"
    coloured = ["dataset=stacked_digits", "dataset.num_images=64", "dataset_defaults=none"]
    return [] if task == "none" else ["model=pix2pix", f"task={task}", *(coloured if task == "colorize" else [])]


@pytest.mark.parametrize(("group", "option"), [(group, option) for group in TRAINED for option in options(group)])
def test_two_steps(group, option, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "download_url_to_file", no_network)  # Inception: training goes on with native
    monkeypatch.setattr(evaluator, "NativeClassifier", partial(NativeClassifier, *CLASSIFIER.values()))
    for module in (diversity, path_length, translation):
        monkeypatch.setattr(module, "load_backbone", lambda *_: random_backbone())
    if (group, option) == ("logger", "wandb"):
        quick_wandb.make_quick(monkeypatch)
    overrides = tiny_overrides("metrics=none", "budget.images=16", f"{group}={option}", *needed(group, option))
    if group == "loss" and option in NEEDS_ENERGY:
        overrides.append("model=autoencoder")
    if (group, option) in NEEDS_VAE:
        overrides.append("model=vae")
    if (group, option) == ("callbacks", "none"):
        overrides = [line for line in overrides if not line.startswith("callbacks.")]
    if group == "metrics" and option in ADDED:
        overrides = added_to_others(option)
    overrides += DATA_OF.get(option, [])
    if option in WITHOUT_CHANNELS:
        overrides = [line for line in overrides if "channels" not in line]
    if (group == "model" and option == "mlp_vae") or "model=vae" in overrides:
        overrides = [line for line in overrides if "discriminator" not in line]
    config = OmegaConf.to_container(compose("train", overrides), resolve=True)
    config |= {"batch_size": 8, "d_steps": 1}
    config["metrics"] |= {"every": 16, "samples": 200, "final_samples": 200}
    if native := config["metrics"].get("extractors", {}).get("native"):
        native |= CLASSIFIER
    parts = build(config, RunFolder(tmp_path))
    parts.trainer.fit(parts.system, datamodule=parts.data)
    assert parts.system.clock.images_seen == 16
    values = parts.system.statistics.read() or parts.loop.latest
    assert {"loss/discriminator", "loss/generator"} <= values.keys() or "loss/vae" in values
