"""The base classes of a run's loggers: what they can do besides logging scalars."""

from __future__ import annotations

import hashlib
import logging
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.dotted import flatten
from gan_experiments.core.files import check_place
from gan_experiments.core.text import first_line
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

_log = logging.getLogger(__name__)
_Logger = TypeVar("_Logger", bound="RunLogger")
_Given = ParamSpec("_Given")


def tolerant(method: Callable[Concatenate[_Logger, _Given], None]) -> Callable[Concatenate[_Logger, _Given], None]:
    """Call a method of a logger in the main process alone; if it fails, training goes on without that logger."""

    @rank_zero_only
    @wraps(method)
    def call(self: _Logger, /, *arguments: _Given.args, **options: _Given.kwargs) -> None:
        if self.failed:
            return
        try:
            method(self, *arguments, **options)
        except Exception as error:  # a service's, or its package's, whatever it is
            self.failed = first_line(error)
            _log.warning("%s: %s; training goes on without it", self.name, self.failed)

    return call


class RunLogger(Logger):
    """A logger whose step is images seen. Every method here is optional and does nothing unless overridden.

    A logger of Lightning's own that is not a ``RunLogger`` receives scalars only. The constructor must not create
    files: a run is built before its folder exists.

    Attributes:
        failed: Why it has been given up, see ``tolerant``; empty if it has not.
    """

    failed: str = ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: ``config.yaml`` has them, and ``log_comparison`` receives them."""

    def log_image(self, name: str, image: Tensor, step: int) -> None:
        """Log an image: uint8, ``(3, H, W)``."""

    def log_comparison(self, config: Mapping[str, Any], metrics: Sequence[str], overrides: Sequence[str] = ()) -> None:
        """Log what the run is compared by, once, before its first step.

        Args:
            config: The settings that may affect the result, nested as in the run's config.
            metrics: Names of the scalars that are results.
            overrides: Dotted keys that the user has set.
        """

    def log_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log the final evaluation: values with margins and real baselines, and how they were measured.

        Args:
            results: As in the run's record: the estimates below ``final``, the provenance below ``evaluation``.
            step: Images seen.
        """

    def rewind(self, images_seen: int) -> None:
        """Delete what was logged after ``images_seen``: the run resumes there and logs it again."""


class Report(NamedTuple):
    """The report of a comparison: its files, the page first, and the cells of its tables, the head first, by title."""

    files: Sequence[Path]
    verdict: Sequence[str]
    tables: Mapping[str, Sequence[Sequence[str]]]


def logged_parts(package: Any, run: Any, label: str, report: Report) -> dict[str, Any]:
    """Log the files of a report as an artifact, a new version each time, and return its page and tables to be shown.

    ``package`` is Weights & Biases, or another with its interface.
    """
    artifact = package.Artifact(re.sub(r"[^\w.-]", "-", label, flags=re.ASCII), type="report")
    for file in report.files:
        artifact.add_file(str(file))
    run.log_artifact(artifact)
    tables = {
        title: package.Table(list(head), [list(row) for row in rows]) for title, (head, *rows) in report.tables.items()
    }
    return {"report": package.Html(report.files[0].read_text(encoding="utf-8"), inject=False), **tables}


class ReportFolder(RunFolder):
    """The folder of a report, given to a logger in the place of a run's.

    Args:
        path: The folder.
        started: When the first of the compared runs was started: with the folder's name what a comparison that is
            repeated has in common.
    """

    def __init__(self, path: Path, started: str) -> None:
        super().__init__(path)
        self._started = started

    def record(self) -> dict[str, Any]:
        """Return what tells one comparison from another."""
        return {"started": self._started}


class ServiceLogger(RunLogger):
    """A logger that hands everything to a package of its own, which is an extra.

    A run that resumes goes on in the same run there. What a killed process has logged behind its last checkpoint cannot
    be deleted there; it is logged again with the same values. If the service or its package fails, training goes on
    without it.

    Attributes:
        package: The package, as it is imported.
        extra: The extra that installs it, and the logger's name.
    """

    package: ClassVar[str]
    extra: ClassVar[str]

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._folder = run

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> list[Problem]:
        """Refuse the logger where its package is missing."""
        if find_spec(cls.package) is not None:
            return []
        return [Problem(key, f"{cls.package} is not installed: pip install 'gan-experiments[{cls.extra}]'")]

    @property
    def name(self) -> str:
        """The logger's name."""
        return self.extra

    @property
    def version(self) -> str:
        """The id of the run: the same after it has resumed or moved."""
        about = f"{self.label} {self._folder.record().get('started')}"
        return hashlib.sha256(about.encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """The name of the run there: that of its folder; of a report with the study before it."""
        path = self._folder.path.absolute()
        return f"{path.parent.name}-{path.name}" if isinstance(self._folder, ReportFolder) else path.name

    @tolerant
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars."""
        self.put_scalars({name: float(value) for name, value in metrics.items()}, step)

    @tolerant
    def log_image(self, name: str, image: Tensor, step: int) -> None:
        """Log an image: uint8, ``(3, H, W)``."""
        self.put_image(name, image.permute(1, 2, 0).numpy(), step)

    @tolerant
    def log_comparison(self, config: Mapping[str, Any], metrics: Sequence[str], overrides: Sequence[str] = ()) -> None:
        """Log the settings, and which of them the user has set."""
        self.put_settings(config, overrides)

    @tolerant
    def log_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log margins and real baselines beside the final values, and how these were measured."""
        self.put_final(results, step)

    @tolerant
    def finalize(self, status: str) -> None:
        """End the run there."""
        self.end(status)

    def end(self, status: str) -> None:
        """Write what is pending and end the run there, if it has begun: as finished if ``status`` is ``success``."""
        if "_run" in self.__dict__:
            self.finish(status == "success")
            del self._run

    @cached_property
    def _run(self) -> Any:
        """The run of the package, begun by the first value: Lightning would ask all processes for ``experiment``."""
        return self.begin()

    @abstractmethod
    def begin(self) -> Any:
        """Begin the run of the package, or go on with the one that a process has begun earlier, and return it."""

    @abstractmethod
    def put_scalars(self, values: dict[str, float], step: int | None) -> None:
        """Hand over scalars; what this and the others raise is a warning, see ``tolerant``."""

    @abstractmethod
    def put_image(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Hand over an image ``(H, W, 3)``."""

    @abstractmethod
    def put_settings(self, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        """Hand over the settings, and the keys of those that the user has set."""

    def put_final(self, results: Mapping[str, Any], step: int) -> None:
        """Hand over margins and real baselines of the final evaluation, whose values have been, as scalars."""
        fields = flatten(results["final"]).items()
        kept = {key: value for key, value in fields if not key.endswith(".value") and not isinstance(value, bool)}
        self.put_scalars({f"final/{key.replace('.', '_')}": float(value) for key, value in kept.items()}, step)

    @abstractmethod
    def log_report(self, report: Report) -> None:
        """Log the report of a comparison, in the place of an earlier one; raises what the package does."""

    @abstractmethod
    def finish(self, success: bool) -> None:
        """Write what is pending and end the run."""


def check_writable(path: Path, key: str) -> list[Problem]:
    """Return what keeps a logger from writing to a file or folder that ``key`` names, as a list of problems."""
    try:
        check_place(path, key)
    except ConfigError as error:
        return [Problem("", text) for text in error.problems]
    return []
