"""The schemas of the configs of ``gan-runs``, one for each verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gan_experiments.config.annotations import Section
from gan_experiments.core.types import PositiveFloat

Status = Literal["finished", "running", "interrupted", "failed", "diverged", "pruned", "unknown"]


@dataclass
class RunsConfig(Section):
    """The config of ``gan-runs``.

    Attributes:
        runs: Run folders, folders above some, or patterns of either.
        status: Only runs of this status, or of these.
        name: A pattern for the name of the folder.
        group: A pattern for the name of the folder above it: a day or a study.
        sort: What the list is sorted by; a name of a measure: from the best value to the worst.
    """

    runs: str | list[str]
    status: Status | list[Status] | None
    name: str | None
    group: str | None
    sort: str


@dataclass
class RunsFollowConfig(Section):
    """The config of ``gan-runs follow``.

    Attributes:
        runs: Run folders, folders above some, or patterns of either.
        name: A pattern for the name of the folder.
        group: A pattern for the name of the folder above it: a day or a study.
        every: Seconds between two looks at the folders.
    """

    runs: str | list[str]
    name: str | None
    group: str | None
    every: PositiveFloat


@dataclass
class RunsCompareConfig(Section):
    """The config of ``gan-runs compare``.

    Attributes:
        runs: Run folders, folders above some, or patterns of either.
        status: Only runs of this status, or of these.
        name: A pattern for the name of the folder.
        group: A pattern for the name of the folder above it: a day or a study.
    """

    runs: str | list[str]
    status: Status | list[Status] | None
    name: str | None
    group: str | None


@dataclass
class RunsArchiveConfig(RunsCompareConfig):
    """The config of ``gan-runs archive``.

    Attributes:
        runs: Run folders, folders above some, or patterns of either.
        status: Only runs of this status, or of these.
        name: A pattern for the name of the folder.
        group: A pattern for the name of the folder above it: a day or a study.
        output: The folder of the archives; ``None``: that which the run folder is in.
    """

    output: str | None


@dataclass
class RunsDeleteConfig(RunsCompareConfig):
    """The config of ``gan-runs delete``.

    Attributes:
        runs: Run folders, folders above some, or patterns of either.
        status: Only runs of this status, or of these.
        name: A pattern for the name of the folder.
        group: A pattern for the name of the folder above it: a day or a study.
        yes: Delete without asking.
    """

    yes: bool
