"""Aim logger: scalars, sample grids, hyperparameters and final values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.files import write_text
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.base import Report, ServiceLogger, check_writable

_HASH_FILE = "aim.txt"  # in the run's folder; Aim makes up the id of a run itself


class Aim(ServiceLogger):
    """Logs to Aim, which needs no server; a step is the images seen.

    Args:
        run: The run's folder.
        repo: Aim's repository; default: the folder around the run's, shown by ``aim up --repo <folder>``.
        experiment: Aim's name for what belongs together; default: that of the folder around the run's.
    """

    package = extra = "aim"

    def __init__(self, run: RunFolder, repo: str | None = None, experiment: str | None = None) -> None:
        super().__init__(run)
        above = run.path.absolute().parent
        self._repo = repo or str(above)
        self._experiment = experiment or above.name

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> list[Problem]:
        """Refuse a repository that cannot be written to; no server is asked."""
        repo = config.get(f"{key}.repo")
        local = [] if repo is None or "://" in repo else check_writable(Path(repo), f"{key}.repo")
        return super().check(key, options, config) + local

    def begin(self) -> Any:
        """Begin the run of the package, or go on with it."""
        from aim import Repo, Run

        file = self._folder.path / _HASH_FILE
        repo = Repo.from_path(self._repo, init=True)
        known = file.read_text(encoding="utf-8").strip() if file.exists() else None
        known = known if known is not None and repo.run_exists(known) else None
        run = Run(
            known,
            repo=repo,
            experiment=self._experiment,
            force_resume=known is not None,
            system_tracking_interval=None,
            capture_terminal_logs=False,
        )
        run.name = self.label
        write_text(file, run.hash)
        return run

    def put_scalars(self, values: dict[str, float], step: int | None) -> None:
        """Log scalars."""
        for name, value in values.items():
            self._run.track(value, name=name, step=step)

    def put_image(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Log an image."""
        import aim
        from PIL.Image import fromarray

        self._run.track(aim.Image(fromarray(pixels), format="png"), name=name, step=step)

    def put_settings(self, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        """Log the settings, and which of them the user has set."""
        self._run["config"] = dict(config)
        self._run["overrides"] = list(overrides)

    def put_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log margins and real baselines beside the final values, and how these were measured."""
        super().put_final(results, step)
        self._run["evaluation"] = dict(results["evaluation"])

    def log_report(self, report: Report) -> None:
        """Log the verdict and the tables as settings, and the files as artifacts, which lie beside the repository."""
        self._run.set_artifacts_uri((Path(self._repo) / ".aim_artifacts").as_uri())
        for file in report.files:
            self._run.log_artifact(str(file), name=file.name, block=True)
        self._run["verdict"] = list(report.verdict)
        self._run["tables"] = {title: [list(row) for row in cells] for title, cells in report.tables.items()}

    def finish(self, success: bool) -> None:
        """Write what is pending and end the run there."""
        self._run.close()
