"""What a command answers instead of doing its work: its version, help and config, and what Hydra says of itself."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from gan_experiments.cli._help import help_page
from gan_experiments.config.compose import CommandLine
from gan_experiments.config.files import VERSION_BASE, conf_dir, search_also
from gan_experiments.core.types import ConfigError


def answer(options: argparse.Namespace, config_name: str) -> None:
    """Print the version or the help, or let Hydra say what it is asked."""
    if options.version:
        print(f"gan-experiments {version('gan-experiments')}")
    elif options.help:
        print(help_page(config_name, options.config_dir))
    else:
        if options.config_dir:
            search_also(Path(options.config_dir).absolute())
        sys.argv[1:] = _without_folder(sys.argv[1:])  # Hydra reads the command line itself, but not the folder
        root = OmegaConf.load(conf_dir() / f"{config_name}.yaml")
        folder: str | None = str(conf_dir())
        if root.defaults == ["_self_"]:  # its key ``study`` is no group, though there is a folder of that name
            ConfigStore.instance().store(config_name, root)
            folder = None
        ask = hydra.main(version_base=VERSION_BASE, config_path=folder, config_name=config_name)
        ask(lambda config: None)()


def _without_folder(arguments: list[str]) -> list[str]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-cd", "--config-dir")
    return parser.parse_known_args(arguments)[1]


def print_config(line: CommandLine, options: argparse.Namespace) -> None:
    """Print the config, Hydra's own node, or both; of that only what lies below ``--package``."""
    config = line.config()
    assert config is not None
    with_hydra = OmegaConf.create({"hydra": line.hydra})
    shown: Any = {"job": config, "hydra": with_hydra}.get(str(options.cfg)) or OmegaConf.unsafe_merge(
        with_hydra, config
    )
    if options.package:
        shown = OmegaConf.select(shown, options.package)
        if not OmegaConf.is_config(shown):
            raise ConfigError(f"--package: there is no part {options.package!r} in this config")
    if options.resolve:
        OmegaConf.resolve(shown)  # which leaves alone what refers to a value that only a job has
    print(OmegaConf.to_yaml(shown).rstrip())
