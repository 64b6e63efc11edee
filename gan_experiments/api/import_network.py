"""``import_network``: makes a run folder of networks that other code has trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from gan_experiments.api.run import Run
from gan_experiments.api.state import preserved_state
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.schema import Config
from gan_experiments.core.checks import refuse
from gan_experiments.core.clock import now
from gan_experiments.core.files import check_new
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

if TYPE_CHECKING:
    from torch import Tensor

    from gan_experiments.runs.foreign.networks import Foreign
    from gan_experiments.systems.base import System

_DATASET = "gan_experiments.data.datasets.unavailable.Unavailable"
_PREFIXES = {"ema": "ema.module.", "generator": "generator.", "discriminator": "discriminator."}


def import_network(file: str | os.PathLike[str], output: str | os.PathLike[str] | None = None) -> Run:
    """Make a run folder of networks that other code has trained, without running anything of its files.

    Its generator can be sampled, exported and, with ``dataset=``, evaluated; a run can begin with its weights.

    Args:
        file: A snapshot of StyleGAN2(-ADA), StyleGAN3 or R3GAN, a checkpoint of torchgan or of BigGAN-deep, or the
            folder of the checkpoints of StudioGAN.
        output: The run folder; ``None``: one in ``outputs/imported``, named as the file.

    Raises:
        ConfigError: It is none of these, damaged, of another family, or of a network that differs; nothing is written.
    """
    path = Path(file).expanduser()
    folder = RunFolder(Path(output or Path("outputs/imported", path.stem)).expanduser())
    check_new(folder.path, "output")
    from gan_experiments.runs.checkpoints import below
    from gan_experiments.runs.foreign.networks import recognized
    from gan_experiments.runs.foreign.state_dicts import foreign_place
    from gan_experiments.training.build import build_system, construct

    with preserved_state(), foreign_place(path) as content:
        foreign = recognized(content)
        config = _config(foreign)
        system = build_system(config, construct(config["dataset"], "dataset", seed=0))
        weights: dict[str, Tensor] = {}
        for role, module in foreign.modules.items():
            network: Any = system.discriminator if role == "discriminator" else system.generator
            try:
                own = module.rebuilt(content, network.state_dict(), role)
            except ConfigError as error:
                raise ConfigError(f"{path}: {error}") from None
            weights |= {f"{_PREFIXES[role]}{name}": value for name, value in own.items()}
    if "ema" not in foreign.modules:
        raw = below(weights, _PREFIXES["generator"])
        weights |= {f"{_PREFIXES['ema']}{name}": value for name, value in raw.items()}
    _write(folder, config, system, weights, _origin(path, foreign))
    return Run(folder.path)


def _config(foreign: Foreign) -> dict[str, Any]:
    """Return the config of a run of these networks.

    Raises:
        ConfigError: No run can have them.
    """
    composed = compose("train", ["metrics=none", "penalty=none", "logger=tensorboard", *foreign.overrides])
    plain: Any = OmegaConf.to_container(composed, resolve=True)
    facts = foreign.facts
    dataset = {"image_size": facts.image_size, "channels": facts.channels, "num_classes": facts.num_classes}
    config = {**plain, "dataset": {"_target_": _DATASET, **dataset}}
    refuse(check_config(config, Config).errors)
    return config


def _origin(path: Path, foreign: Foreign) -> dict[str, Any]:
    """Return where networks come from, for the record; of a folder, the hash of each file."""
    from gan_experiments.core.weights import sha256_of
    from gan_experiments.runs.foreign.state_dicts import files_of

    hashes = {each.name: sha256_of(each) for each in files_of(path).values()}
    digest = hashes if path.is_dir() else hashes[path.name]
    networks = list(foreign.modules)
    return {"file": str(path.resolve()), "sha256": digest, "family": foreign.family, "networks": networks}


def _write(
    folder: RunFolder, config: dict[str, Any], system: System, weights: dict[str, Tensor], origin: dict[str, Any]
) -> None:
    """Write the run folder, which appears whole or not at all."""
    import torch

    from gan_experiments.core.files import replacing, whole_folder
    from gan_experiments.runs.checkpoints import below
    from gan_experiments.runs.provenance import provenance
    from gan_experiments.training.callbacks.checkpoint import save_generator

    system.ema.module.load_state_dict(below(weights, _PREFIXES["ema"]))
    kept = {name: weights[name] for name in system.state_dict() if name in weights}
    made_at = now()
    with whole_folder(folder.path) as path:
        made = RunFolder(path)
        with replacing(made.checkpoint("last")) as temporary:
            torch.save({"state_dict": kept, "images_seen": 0}, temporary)
        save_generator(system, made.generator_file)
        made.write_config({**config, "name": None})
        made.update_record(
            status="finished", reason=None, imported=origin, started=made_at, ended=made_at, seed=config["seed"],
            budget=config["budget"], images_seen=0, steps={}, seconds=0.0, images_per_second=None,
            dataset=system.generator.facts.as_dict(), final={}, best={}, overrides=[], choices={}, **provenance(),
        )  # fmt: skip
