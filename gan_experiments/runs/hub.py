"""Generators on the Hugging Face Hub. Read from there is ``generator.safetensors`` alone; nothing is run.

Imports no torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gan_experiments.core import files
from gan_experiments.core.text import first_line, show
from gan_experiments.core.types import ConfigError

FILE = "generator.safetensors"
CARD = "README.md"
_PREFIX = "hub:"
_ID = re.compile(r"([A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96})(?:@([\w./-]+))?", re.ASCII)
_LARGEST = 16 * 2**30  # bytes of a file


def is_hub(place: str) -> bool:
    """Return whether a place is a repository of the Hub, and no path."""
    return place.startswith(_PREFIX)


def local_file(place: str, key: str) -> Path:
    """Return the file of a generator in a folder or a repository of the Hub, which is downloaded into the Hub's cache.

    Args:
        place: ``hub:owner/name``, with ``@revision`` behind it or not; a folder with the file in it; or a file.
        key: What names the place, for messages.

    Raises:
        ConfigError: The extra is missing, or there is no such repository, no generator in it, or no network.
    """
    if not is_hub(place):
        path = Path(place).expanduser()
        return path / FILE if path.is_dir() else path
    hub, repository, revision = _opened(place, key)
    with _errors(f"{key}: {place}"):
        size = None
        with suppress(Exception):  # offline the file may be in the cache; if not, what follows says so
            size = hub.get_hf_file_metadata(hub.hf_hub_url(repository, FILE, revision=revision)).size
        if size is not None and size > _LARGEST:
            raise ConfigError(f"{key}: {place} holds {size:,} bytes, more than {_LARGEST:,}: it is not downloaded")
        return Path(hub.hf_hub_download(repository, FILE, revision=revision))


def upload(folder: Path, place: str, key: str) -> str:
    """Add the files of a folder to a repository of the Hub, which is made if there is none, and is private then.

    A card that it has is left as it is: its owner may have filled in a license.

    Returns:
        Its address.

    Raises:
        ConfigError: The extra is missing, or it cannot be written to.
    """
    hub, repository, revision = _opened(place, key)
    with _errors(f"{key}: {place}"):
        api = hub.HfApi()
        address = api.create_repo(repository, private=True, exist_ok=True)
        text = "Add a generator of gan-experiments"
        kept = [CARD] if api.file_exists(repository, CARD, revision=revision) else []
        api.upload_folder(
            repo_id=repository, folder_path=folder, revision=revision, commit_message=text, ignore_patterns=kept
        )
    return str(address)


def check_place(place: str, key: str) -> None:
    """Refuse a place that nothing can be put into, without asking the Hub.

    Raises:
        ConfigError: It is a folder with files in it, or cannot be made, no name of a repository, or the extra is
            missing.
    """
    if is_hub(place):
        _opened(place, key)
        return
    path = Path(place).expanduser()
    if path.is_dir() and not any(path.iterdir()):
        files.check_place(path, key)
    else:
        files.check_new(path, key)


def _opened(place: str, key: str) -> tuple[Any, str, str | None]:
    """Return the package of the Hub, and the repository and the revision that a place names."""
    match = _ID.fullmatch(place.removeprefix(_PREFIX))
    if match is None or ".." in place:
        raise ConfigError(f"{key}: {show(place)} is not hub:owner/name")
    if find_spec("huggingface_hub") is None:
        raise ConfigError(f"{key}: the Hub needs huggingface_hub: pip install 'gan-experiments[hub]'")
    import huggingface_hub

    return huggingface_hub, match[1], match[2]


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Say in one line what the Hub refuses, or that it cannot be reached."""
    from huggingface_hub import errors

    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # the client's errors have no base class in common
        absent = "cannot be reached, nor is it in the cache"
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            absent = "is not in the cache, and HF_HUB_OFFLINE is set"
        reasons: Mapping[Any, str] = {
            errors.RepositoryNotFoundError: "is not there, or not yours to use (hf auth login)",
            errors.RevisionNotFoundError: "has no such revision",
            (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled): absent,
            errors.EntryNotFoundError: f"holds no {FILE}: no generator of this package",
        }
        other = f"cannot be used: {first_line(' '.join(str(error).split()) or type(error).__name__):.200}"
        reason = next((text for kind, text in reasons.items() if isinstance(error, kind)), other)
        raise ConfigError(f"{where} {reason}") from None
