"""The run folder: all that a run leaves behind, and who may write to it. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from gan_experiments.files import write_json, write_text
from gan_experiments.types import ConfigError

# Where a run is put and how many processes carry it changes nothing of what it computes.
FREE = ("name", "output_dir", "resume", "rerun", "trusted")
FREE_TRAINER = ("accelerator", "devices", "num_nodes", "strategy")
LONGEST_NAME = 120


class RunFolder:
    """The files of one run below ``path``.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def config_file(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def record_file(self) -> Path:
        """The passport of the run and its status."""
        return self.path / "record.json"

    @property
    def metrics_file(self) -> Path:
        """One row per logged clock value."""
        return self.path / "metrics.csv"

    @property
    def generator_file(self) -> Path:
        """The averaged generator, for use elsewhere."""
        return self.path / "generator.safetensors"

    @property
    def samples(self) -> Path:
        """The folder of sample grids."""
        return self.path / "samples"

    def checkpoint(self, name: str) -> Path:
        """Return the file of the checkpoint ``name``: ``last`` or ``best``."""
        return self.path / "checkpoints" / f"{name}.ckpt"

    def grid(self, images_seen: int, name: str = "") -> Path:
        """Return the file of the sample grid at ``images_seen``, or of another picture, by its name."""
        return self.samples / f"{name + '-' if name else ''}{images_seen:010d}.png"

    def record(self) -> dict[str, Any]:
        """Read the record; empty if there is none or it cannot be read."""
        try:
            record = json.loads(self.record_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def update_record(self, **fields: Any) -> None:
        """Set fields of the record and write it in one piece."""
        write_json(self.record_file, self.record() | fields)

    def read_config(self) -> dict[str, Any]:
        """Read the resolved config.

        Raises:
            ConfigError: This is no run folder, or its config cannot be read.
        """
        try:
            config = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"{self.path}: not the folder of a run (no config.yaml in it)") from None
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.config_file}: cannot be read: {str(error).splitlines()[0]}") from None
        if not isinstance(config, dict):
            raise ConfigError(f"{self.config_file}: not a config")
        return config

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the resolved config in one piece."""
        write_text(self.config_file, yaml.safe_dump(dict(config), sort_keys=False))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it however the process ends.

        Raises:
            ConfigError: Another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError(f"{self.path}: another process is training this run") from None
        try:
            yield
        finally:
            lock.release()

    def beside(self) -> RunFolder:
        """Return the first folder ``<name>-2``, ``<name>-3`` ... that does not exist."""
        number = 2
        while (path := self.path.with_name(f"{self.path.name}-{number}")).exists():
            number += 1
        return RunFolder(path)


def run_name(choices: Mapping[str, str], overrides: Sequence[str]) -> str:
    """Name a run after its dataset, its model and its overrides, whatever their order.

    Args:
        choices: The option chosen of each config group.
        overrides: The overrides of the command line, as ``key=value``.
    """
    values = dict(override.lstrip("+").split("=", 1) for override in overrides if "=" in override)
    ignored = {"dataset", "model", *FREE}
    told = [f"{key}_{value}" for key, value in sorted(values.items()) if key not in ignored]
    exact = "-".join([choices.get("dataset", "run"), choices.get("model", "run"), *told])
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", exact).strip("_")
    if name == exact and len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.blake2b(exact.encode(), digest_size=4).hexdigest()
    return f"{name[: LONGEST_NAME - 9]}-{digest}"


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """List the keys in which two resolved configs differ, those aside that change nothing of the result."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        free = FREE if not prefix else FREE_TRAINER if prefix == "trainer." else ()
        keys = [key for key in dict.fromkeys([*old, *new]) if key not in free]
        missing = object()
        return [
            line
            for key in keys
            for line in differences(old.get(key, missing), new.get(key, missing), f"{prefix}{key}.")
        ]
    return [] if old == new else [prefix.rstrip(".")]


def is_main_process() -> bool:
    """Tell whether this process is the first of those that carry the run, before they have met."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
