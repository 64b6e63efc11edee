"""Comet logger: scalars, sample grids, hyperparameters and final values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_experiments.core.dotted import flatten
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.base import Report, ServiceLogger

_ONLINE = "COMET_START_ONLINE"  # Comet's own variable


class Comet(ServiceLogger):
    """Logs to Comet, offline unless the environment says ``COMET_START_ONLINE=1``; a step is the images seen.

    Args:
        run: The run's folder, which keeps what is logged offline: ``comet upload <run>/comet/*.zip``.
        project: Their project.
    """

    package, extra = "comet_ml", "comet"

    def __init__(self, run: RunFolder, project: str = "gan_experiments") -> None:
        super().__init__(run)
        self._project = project

    def begin(self) -> Any:
        """Begin the experiment of the package, or go on with it."""
        online = os.environ.get(_ONLINE, "0").lower() in ("1", "true")
        if not online:
            os.environ.setdefault("COMET_ERROR_TRACKING_ENABLE", "false")  # else its package calls home all the same
        import comet_ml

        folder = self._folder.path / "comet"
        folder.mkdir(exist_ok=True)
        own = ("auto_metric_logging", "auto_param_logging", "parse_args", "log_code", "log_git_metadata")
        off = dict.fromkeys([*own, "log_git_patch", "log_env_details", "auto_output_logging"], False)
        settings = comet_ml.ExperimentConfig(
            name=self.label, offline_directory=str(folder), display_summary_level=0, **off
        )
        return comet_ml.start(
            project_name=self._project,
            experiment_key=self.version,
            mode="get_or_create",
            online=online,
            experiment_config=settings,
        )

    def put_scalars(self, values: dict[str, float], step: int | None) -> None:
        """Log scalars."""
        self._run.log_metrics(values, step=step)

    def put_image(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Log an image."""
        self._run.log_image(pixels, name=name, step=step)

    def put_settings(self, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        """Log the settings as parameters, and which of them the user has set."""
        self._run.log_parameters(flatten(config))
        self._run.log_other("overrides", " ".join(overrides))

    def put_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log margins and real baselines beside the final values, and how these were measured."""
        super().put_final(results, step)
        self._run.log_others(flatten({"evaluation": results["evaluation"]}))

    def log_report(self, report: Report) -> None:
        """Log the files and tables as assets, show the page, and keep the verdict beside the parameters."""
        for file in report.files:
            self._run.log_asset(str(file), file_name=file.name, overwrite=True)
        for title, (head, *rows) in report.tables.items():
            self._run.log_table(f"{title}.csv", tabular_data=[list(row) for row in rows], headers=list(head))
        self._run.log_html(report.files[0].read_text(encoding="utf-8"), clear=True)
        self._run.log_other("verdict", " ".join(report.verdict))

    def finish(self, success: bool) -> None:
        """Write what is pending and end the experiment there."""
        self._run.end()
