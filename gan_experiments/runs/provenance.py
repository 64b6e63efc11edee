"""Provenance of a run: versions, commit, machine and threads."""

from __future__ import annotations

import platform
import socket
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("gan-experiments", "torch", "torchvision", "pytorch-lightning", "hydra-core", "torchmetrics", "numpy")
_version = cache(metadata.version)  # which parses a file


def provenance() -> dict[str, Any]:
    """Describe the software and the machine of this process."""
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "git": _git(Path(__file__).parent),
        "host": socket.gethostname(),
        "device": _device(),
        "threads": torch.get_num_threads(),
    }


def _device() -> str:
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else platform.processor() or "cpu"


def _git(folder: Path) -> dict[str, Any] | None:
    """Return the commit of the code, and whether the working tree differs from it; ``None`` outside a checkout."""
    # A package that lies, installed, inside somebody's checkout is not part of it.
    tracked = ["git", "ls-files", "--error-unmatch", "."]
    # Without that option git also writes its index, where a run that is killed leaves a lock behind.
    status = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--no-ahead-behind"]
    status += ["--untracked-files=no", "."]
    try:
        _, state = (
            subprocess.run(  # noqa: S603 - fixed commands
                command, cwd=folder, capture_output=True, text=True, check=True, timeout=10
            ).stdout
            for command in (tracked, status)
        )
    except (OSError, subprocess.SubprocessError):
        return None
    first, *others = state.splitlines()
    commit = first.removeprefix("# branch.oid ")
    return None if commit == "(initial)" else {"commit": commit, "changed": any(line[0] != "#" for line in others)}
