"""The run folder: its files, its record and its lock. Imports no torch."""

from __future__ import annotations

import errno
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from gan_experiments.core.files import check_place, meant_path, read_bytes, write_json, write_text
from gan_experiments.core.lock import is_locked, locked
from gan_experiments.core.text import first_line
from gan_experiments.core.types import ConfigError
from gan_experiments.core.yaml_size import load_yaml

# Environment variable that gives a process which is started for a run its folder and its config, as JSON.
WORKER = "GAN_EXPERIMENTS_WORKER"

OUTPUTS = Path("outputs")  # where runs are unless output_dir says otherwise
_PATIENCE = 60.0  # seconds to wait for another process that changes the record
_GRACE = 0.5  # seconds to wait for a lock: one that is tested (``held``), or whose process is ending, is free soon
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)  # Lustre without its option flock, for one


def how_to_import(path: Path) -> str:
    """Return how a file of networks becomes a run folder, if other code names its files like that; or nothing."""
    foreign = path.suffix in (".pkl", ".pt", ".pth", ".model")
    return f"; networks of other code: gan-import {path} output=FOLDER, then init_from=FOLDER" if foreign else ""


class HeldError(ConfigError):
    """Raised when another process is training the run."""


class RunFolder:
    """The files of one run below ``path``.

    Attributes:
        path: The folder.
        config_file: The resolved config.
        record_file: Status, provenance and results of the run.
        metrics_file: One row per logged clock value.
        generator_file: The EMA generator, which loads without the rest of the run.
        log_file: Output of the run if it is a job of a sweep.
        samples: The folder of sample grids.
        stop_file: Exists while the run is asked to stop, and holds the reason; the process that supervises the run
            reads it.
        rule_file: The rule by which a sequential study stops the run; missing if it does not.
        lock_file: Locked by the process that trains the run.
        record_lock_file: Locked for the moment in which a process changes the record.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.record_file = self.path / "record.json"
        self.metrics_file = self.path / "metrics.csv"
        self.generator_file = self.path / "generator.safetensors"
        self.log_file = self.path / "job.log"
        self.samples = self.path / "samples"
        self.stop_file = self.path / "stop"
        self.rule_file = self.path / "stop_rule.json"
        self.lock_file = self.path / ".lock"
        self.record_lock_file = self.path / ".record.lock"

    def checkpoint(self, name: str) -> Path:
        """Return the file of the checkpoint ``name``: ``last`` or ``best``."""
        return self.path / "checkpoints" / f"{name}.ckpt"

    def grid(self, images_seen: int, name: str = "") -> Path:
        """Return the file of the sample grid at ``images_seen``, or of the image sheet called ``name``."""
        return self.samples / f"{name + '-' if name else ''}{images_seen:010d}.png"

    def grids(self) -> dict[int, Path]:
        """Return the files of the sample grids by the images seen, in this order; empty if they cannot be listed."""
        try:
            files = [self.samples / name for name in os.listdir(self.samples) if name.endswith(".png")]
        except OSError:
            return {}
        grids = {int(file.stem): file for file in files if file.stem.isascii() and file.stem.isdecimal()}
        return dict(sorted(grids.items()))

    def check_place(self, key: str = "output_dir") -> None:
        """Check that the folder, which ``key`` names, can be made, or written to if it exists; makes nothing.

        Raises:
            ConfigError: It cannot, and why.
        """
        check_place(self.path, key)
        if self.record_file.is_dir():
            raise ConfigError(f"{self.record_file}: is a folder, where a run has a file")

    def ask_to_stop(self, reason: str) -> None:
        """Ask for the run to be saved and stopped, on whatever machine it runs."""
        write_text(self.stop_file, reason)

    def record(self) -> dict[str, Any]:
        """Read the record; empty if it is missing or cannot be read."""
        try:
            record = json.loads(read_bytes(self.record_file).decode())
        except (OSError, ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

    @contextmanager
    def reading_record(self) -> Iterator[None]:
        """Refuse the record if its values, which the block reads, are not those of a run.

        Raises:
            ConfigError: They are of other types.
        """
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise ConfigError(f"{self.record_file}: damaged: its values are not those of a run") from None

    def update_record(self, **fields: Any) -> None:
        """Set fields of the record and write it atomically; several processes may do so at once."""
        self._change_record(lambda _: fields)

    def add_evaluation(self, name: str, evaluation: Mapping[str, Any]) -> None:
        """Add an evaluation to the record, in place of an earlier one of that name, as ``update_record`` does."""
        self._change_record(lambda record: {"evaluations": {**(record.get("evaluations") or {}), name: evaluation}})

    def _change_record(self, fields_of: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(FileLock(self.record_lock_file, timeout=_PATIENCE))
            except (OSError, NotImplementedError) as error:  # it may be lost if another process writes; else it were
                warnings.warn(f"{self.record_file} is written without a lock: {error}", stacklevel=3)
            record = self.record()
            write_json(self.record_file, record | fields_of(record))

    def read_config(self) -> dict[str, Any]:
        """Read the resolved config.

        Raises:
            ConfigError: This is not a run folder, or its config cannot be read.
        """
        try:
            config = load_yaml(read_bytes(self.config_file))
        except FileNotFoundError:
            raise ConfigError(f"{self.path}: not a run folder: {self._missing()}") from None
        except NotADirectoryError:
            above = next((each for each in self.path.parents if RunFolder(each).config_file.exists()), None)
            where = f", {above}" if above else how_to_import(self.path)
            raise ConfigError(f"{self.path} is a file; give the run's folder{where}") from None
        except (OSError, yaml.YAMLError, ValueError, OverflowError, RecursionError, MemoryError, TypeError) as error:
            raise ConfigError(f"{self.config_file}: cannot be read: {first_line(error)}") from None
        if not isinstance(config, dict):
            raise ConfigError(f"{self.config_file}: not a config")
        return config

    def _missing(self) -> str:
        """Say what is missing of a run, and where one is that may be meant."""
        if not self.path.exists():
            return f"there is no such folder{how_to_import(self.path) or meant_path(self.path, OUTPUTS)}"
        below = [file.parent for depth in ("*", "*/*") for file in self.path.glob(f"{depth}/config.yaml")]
        newest = max(below, key=lambda folder: folder.stat().st_mtime, default=None)
        return f"config.yaml is missing{f'; the newest run in it is {newest}' if newest else ''}"

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the resolved config atomically."""
        write_text(self.config_file, yaml.safe_dump(dict(config), sort_keys=False))

    @contextmanager
    def lock(self) -> Iterator[int | None]:
        """Lock the folder; the operating system releases the lock however the process ends.

        Yields:
            The file descriptor of the lock, see ``gan_experiments.core.lock.locked``.

        Raises:
            HeldError: Another process holds the lock.
            ConfigError: The file system has no locks.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + _GRACE
        with ExitStack() as stack:
            while True:
                try:
                    descriptor = stack.enter_context(locked(self.lock_file))
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise HeldError(f"{self.path}: another process is training this run") from None
                except OSError as error:
                    if error.errno not in _NO_LOCKS:
                        raise
                    text = "its file system has no locks, which keep two processes from training one run"
                    raise ConfigError(f"{self.path}: {text} ({error.strerror}): take another output_dir") from None
                time.sleep(_GRACE / 10)
            yield descriptor

    def held(self) -> bool:
        """Return whether a process is training the run."""
        return is_locked(self.lock_file)

    def beside(self) -> RunFolder:
        """Return the first folder ``<name>-2``, ``<name>-3`` ... that does not exist."""
        number = 2
        while (path := self.path.with_name(f"{self.path.name}-{number}")).exists():
            number += 1
        return RunFolder(path)


def is_main_process() -> bool:
    """Return whether this is the main process of the run, before torch.distributed is initialized."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
