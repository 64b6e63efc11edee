"""Trackio logger: scalars, sample grids, hyperparameters and final values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_experiments.core.dotted import flatten
from gan_experiments.core.escape import for_markdown
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.base import Report, ReportFolder, ServiceLogger, logged_parts


class Trackio(ServiceLogger):
    """Logs to trackio, on this machine unless its own variables name a server or a Space; a step is the images seen.

    Trackio keeps all projects in one folder of the user's, ``TRACKIO_DIR``, which ``trackio show`` reads.

    Args:
        run: The run's folder.
        project: Their project.
    """

    package = extra = "trackio"

    def __init__(self, run: RunFolder, project: str = "gan_experiments") -> None:
        super().__init__(run)
        self._project = project
        self._settings: dict[str, Any] = {}

    def begin(self) -> Any:
        """Begin the run of the package; a name there is an id, so it ends in that of the run."""
        import trackio

        # A run that resumes: an empty config would replace the one that is there.
        if not self._settings and not isinstance(self._folder, ReportFolder):
            self._settings = flatten(self._folder.read_config())
        return trackio.init(
            project=self._project,
            name=f"{self.label}-{self.version[:8]}",
            group=self._folder.path.absolute().parent.name,
            config=self._settings,
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def put_scalars(self, values: dict[str, float], step: int | None) -> None:
        """Log scalars."""
        self._run.log(values, step=step)

    def put_image(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Log an image."""
        import trackio

        self._run.log({name: trackio.Image(pixels)}, step=step)

    def put_settings(self, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        """Keep the settings for the beginning of the run there, which takes them."""
        self._settings = {**flatten(config), "overrides": " ".join(overrides)}

    def log_report(self, report: Report) -> None:
        """Log the files as an artifact, of which there is a version each time, and show the page and the tables."""
        import trackio

        verdict = trackio.Markdown("\n\n".join(map(for_markdown, report.verdict)))
        self._run.log({"verdict": verdict, **logged_parts(trackio, self._run, self.label, report)})

    def finish(self, success: bool) -> None:
        """Write what is pending and end the run there."""
        self._run.finish()
