"""Weights & Biases logger: scalars, sample grids, hyperparameters and final values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_experiments.core.dotted import flatten
from gan_experiments.core.escape import for_html
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import as_markdown
from gan_experiments.training.loggers.base import Report, ServiceLogger, logged_parts

_CLOCK = "images_seen"


class WeightsAndBiases(ServiceLogger):
    """Logs to Weights & Biases, offline unless the environment says ``WANDB_MODE=online``; the axis is images seen.

    Args:
        run: The run's folder, which keeps what is logged offline: ``wandb sync <run>/wandb/offline-run-*``.
        project: Their project; the entity is that of the environment, ``WANDB_ENTITY``.
    """

    package = extra = "wandb"

    def __init__(self, run: RunFolder, project: str = "gan_experiments") -> None:
        super().__init__(run)
        self._project = project

    def begin(self) -> Any:
        """Begin the run of the package, or go on with it."""
        import wandb

        run = wandb.init(
            project=self._project,
            id=self.version[:16],
            name=self.label,
            group=self._folder.path.absolute().parent.name,
            dir=self._folder.path.absolute(),  # its service may have been started elsewhere
            resume="allow",
            mode=os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )
        run.define_metric("*", step_metric=_CLOCK)
        return run

    def put_scalars(self, values: dict[str, float], step: int | None) -> None:
        """Log scalars."""
        self._run.log({**values, _CLOCK: step})

    def put_image(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Log an image."""
        import wandb

        self._run.log({name: wandb.Image(pixels), _CLOCK: step})

    def put_settings(self, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        """Log the settings, with the overrides as a list of their own to filter by."""
        self._run.config.update({**flatten(config), "overrides": list(overrides)}, allow_val_change=True)

    def put_final(self, results: Mapping[str, Any], step: int) -> None:
        """Add final values, margins and real baselines to the run's summary, by dotted key, and a table of them."""
        import wandb

        self._run.summary.update(flatten({"final": results["final"], "evaluation": results["evaluation"]}))
        table = f"<pre>{for_html(as_markdown(results))}</pre>"
        self._run.log({"evaluation": wandb.Html(table, inject=False), _CLOCK: step})

    def log_report(self, report: Report) -> None:
        """Log the files as an artifact, of which there is a version each time, and show the page and the tables."""
        import wandb

        self._run.log(logged_parts(wandb, self._run, self.label, report))
        self._run.summary["verdict"] = " ".join(report.verdict)

    def finish(self, success: bool) -> None:
        """Write what is pending and end the run there."""
        self._run.finish(exit_code=0 if success else 1)
