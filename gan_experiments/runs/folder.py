"""The run folder: all that a run leaves behind, and who may write to it. Imports no torch."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from gan_experiments.core.files import write_json, write_text
from gan_experiments.core.types import ConfigError

# Where a run is put and how many processes carry it changes nothing of what it computes.
NON_RESULT_KEYS = ("name", "output_dir", "resume", "rerun", "retry", "trusted")
EXECUTION_TRAINER_KEYS = ("accelerator", "devices", "num_nodes", "strategy")
LONGEST_NAME = 120

# How a process that is started for a run learns which: its folder and its config.
WORKER = "GAN_EXPERIMENTS_WORKER"

_GRACE = 0.5  # seconds to wait for a lock: a process that looks who holds it, or is being killed, lets go of it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast


class HeldError(ConfigError):
    """Another process is training the run."""


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
        """The provenance of the run and its status."""
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
    def log_file(self) -> Path:
        """What a run of a sweep has printed."""
        return self.path / "job.log"

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

    @property
    def stop_file(self) -> Path:
        """Asks the process that watches over the run to stop it, and says why."""
        return self.path / "stop"

    def ask_to_stop(self, reason: str) -> None:
        """Ask that the run be saved and stopped, whatever machine it runs on."""
        write_text(self.stop_file, reason)

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
            config = yaml.load(self.config_file.read_bytes(), _LOADER)  # noqa: S506 - a safe loader
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
    def lock(self) -> Iterator[int]:
        """Hold the folder; the system lets go of it however the process ends.

        Yields:
            The file descriptor that holds it: a process that inherits it holds the folder as well.

        Raises:
            HeldError: Another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._acquire(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)  # not unlocked: one that has inherited it may live longer

    def _acquire(self, descriptor: int) -> None:
        give_up = time.monotonic() + _GRACE
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise HeldError(f"{self.path}: another process is training this run") from None
            time.sleep(_GRACE / 10)

    def held(self) -> bool:
        """Tell whether a process is training the run."""
        try:
            with (self.path / ".lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def beside(self) -> RunFolder:
        """Return the first folder ``<name>-2``, ``<name>-3`` ... that does not exist."""
        number = 2
        while (path := self.path.with_name(f"{self.path.name}-{number}")).exists():
            number += 1
        return RunFolder(path)


def run_name(choices: Mapping[str, str], overrides: Sequence[str]) -> str:
    """Name a run after its dataset, its model and its overrides, whatever their order: groups and the seed first.

    Of what is too long, the end gives way to a digest of the whole.

    Args:
        choices: The option chosen of each config group.
        overrides: The overrides of the command line, as ``key=value``.
    """
    values = dict(override.lstrip("+").partition("=")[::2] for override in overrides)
    ignored = {"dataset", "model", "study", *NON_RESULT_KEYS}
    if values.get("dataset_defaults") == choices.get("dataset"):  # as nobody needs to type
        ignored.add("dataset_defaults")
    keys = sorted((key for key in values if key not in ignored), key=lambda key: ("." in key, key))
    told = [f"{key}_{values[key]}" for key in keys]
    exact = "-".join([choices.get("dataset", "run"), choices.get("model", "run"), *told])
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", exact).strip("_")
    if name == exact and len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.blake2b(exact.encode(), digest_size=4).hexdigest()
    return f"{name[: LONGEST_NAME - 9]}-{digest}"


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """List the keys in which two resolved configs differ, those aside that change nothing of the result."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        free = NON_RESULT_KEYS if not prefix else EXECUTION_TRAINER_KEYS if prefix == "trainer." else ()
        keys = [key for key in dict.fromkeys([*old, *new]) if key not in free]
        missing = object()
        return [
            line
            for key in keys
            for line in differences(old.get(key, missing), new.get(key, missing), f"{prefix}{key}.")
        ]
    return [] if old == new else [prefix.rstrip(".")]


def value_of(config: Any, key: str) -> Any:
    """Return the value of a dotted key; ``None`` if there is none."""
    for part in key.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def changed(saved: Mapping[str, Any], config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return the keys in which a run's saved config differs from another one, with both values."""
    return [(key, value_of(saved, key), value_of(config, key)) for key in differences(saved, config)]


def refuse_another_config(folder: RunFolder, config: Mapping[str, Any]) -> None:
    """Refuse to go on in a folder whose run has another config.

    Raises:
        ConfigError: Names each key that differs, with both values.
    """
    told = [f"{key}: {old} in {folder.path}, {new} here" for key, old, new in changed(folder.read_config(), config)]
    if told:
        raise ConfigError([*told, "a run keeps its config: name=... or rerun=true starts another"])


def own_choices(choices: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that Hydra has chosen of our groups, without those of its own."""
    return {key: str(value) for key, value in choices.items() if not key.startswith("hydra")}


def is_main_process() -> bool:
    """Tell whether this process is the first of those that carry the run, before they have met."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
