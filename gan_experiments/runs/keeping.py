"""Archives and deletes run folders, none of which is being trained. Imports no torch."""

from __future__ import annotations

import shutil
import socket
import time
import zipfile
from pathlib import Path

from gan_experiments.core.files import check_new, replacing
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.state import STATUSES, size_and_time

# What the config and the record of every run have, and files of other programs hardly do.
_OF_CONFIG, _OF_RECORD = {"name", "output_dir", "budget", "seed"}, {"overrides", "choices"}
_QUIET = 3600.0  # seconds after which a run of another machine is taken for dead: not all file systems share locks


def why_kept(folder: RunFolder) -> str | None:
    """Return why a folder must stay: it is no run with files of ours, or is being trained; ``None``: it need not."""
    record = folder.record()
    if folder.path.is_symlink():
        return "is a link to a folder"
    if record.get("status") not in STATUSES or not record.keys() >= _OF_RECORD:
        return "has no record of a run that can be read"
    if not _has_config(folder):
        return "has no config of a run that can be read"
    if folder.held():
        return "is being trained"
    if any(path != folder.record_file for path in folder.path.rglob(folder.record_file.name)):
        return "holds other runs"
    elsewhere = record["status"] == "running" and record.get("host") not in (None, socket.gethostname())
    if elsewhere and time.time() - size_and_time(folder.path)[1] < _QUIET:
        return f"is being trained on {record['host']}, or was within the hour"
    return None


def _has_config(folder: RunFolder) -> bool:
    try:
        return folder.read_config().keys() >= _OF_CONFIG
    except ConfigError:
        return False


def check_archive(folder: RunFolder, file: Path) -> None:
    """Check that a run folder can be archived as a file.

    Raises:
        ConfigError: The file exists, cannot be made, or would lie inside the folder, and so be packed into itself.
    """
    check_new(file, "output")
    if file.resolve().is_relative_to(folder.path.resolve()):
        raise ConfigError(f"output: {file} lies inside the run folder {folder.path}")


def archive(folder: RunFolder, file: Path) -> None:
    """Write a run folder as a zip archive, and read it back; the folder stays.

    Raises:
        HeldError: The run is being trained.
        ConfigError: See ``check_archive``.
        OSError: It cannot be written, or does not hold what the folder does.
    """
    check_archive(folder, file)
    with folder.lock(), replacing(file) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as packed:
            for path in sorted(folder.path.rglob("*")):
                if path.is_file() and path not in (folder.lock_file, folder.record_lock_file):
                    packed.write(path, Path(folder.path.resolve().name, path.relative_to(folder.path)))
        with zipfile.ZipFile(temporary) as packed:
            if (damaged := packed.testzip()) is not None:
                raise OSError(f"{file}: {damaged} cannot be read back")


def delete(folder: RunFolder) -> None:
    """Delete a run folder with all that is in it; its config and its record go last: what is cut off can be repeated.

    Raises:
        HeldError: The run is being trained.
        ConfigError: The folder must stay, see ``why_kept``.
    """
    if (reason := why_kept(folder)) is not None:
        raise ConfigError(f"{folder.path}: {reason}; it is not deleted")
    folder = RunFolder(folder.path.resolve())  # "." itself cannot be removed
    with folder.lock():
        last = (folder.config_file, folder.record_file)
        for path in sorted(folder.path.iterdir(), key=lambda path: path in last):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != folder.lock_file:
                path.unlink()
    folder.lock_file.unlink(missing_ok=True)
    folder.path.rmdir()
