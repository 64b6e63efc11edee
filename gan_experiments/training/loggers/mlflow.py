"""MLflow logger: scalars, sample grids, hyperparameters and final values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from gan_experiments.core.dotted import flatten
from gan_experiments.core.escape import for_markdown
from gan_experiments.core.text import csv_text
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import as_markdown
from gan_experiments.training.loggers.base import Report, ServiceLogger, final_numbers, tolerant

_LONGEST = 500  # characters of a parameter's value, which MLflow refuses beyond some thousands
_AT_ONCE = 100  # parameters in a call
_FOLDER = "gan_experiments.folder"  # the tag that tells which run of MLflow belongs to a run folder


class MLflow(ServiceLogger):
    """Logs to MLflow; a step is the images seen.

    Args:
        run: The run's folder.
        experiment: MLflow's name for what belongs together; default: that of the folder around the run's.
        tracking_uri: Server or folder; default: ``MLFLOW_TRACKING_URI``, else the folder ``mlruns`` beside the run,
            shown by ``MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri <folder>``.
    """

    package = extra = "mlflow"

    def __init__(self, run: RunFolder, experiment: str | None = None, tracking_uri: str | None = None) -> None:
        super().__init__(run)
        self._experiment = experiment or run.path.absolute().parent.name
        given = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        self._uri = given or (run.path.absolute().parent / "mlruns").as_uri()

    @property
    def version(self) -> str:
        """The id of the run there; empty before something is logged."""
        return str(self.__dict__.get("_id", ""))

    @cached_property
    def _client(self) -> Any:
        """MLflow's client."""
        from mlflow import MlflowClient

        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # needs no database, and many jobs can write to it
        return MlflowClient(self._uri)

    @cached_property
    def _id(self) -> str:
        """The id of the run there: found by the folder's name and start, else made."""
        client = self._client
        known = client.get_experiment_by_name(self._experiment)
        experiment = known.experiment_id if known else client.create_experiment(self._experiment)
        mark = f"{self.label} {self._folder.record().get('started')}"
        for run in client.search_runs([experiment], f"tags.`{_FOLDER}` = '{mark}'"):
            client.update_run(run.info.run_id, status="RUNNING")
            return str(run.info.run_id)
        made = client.create_run(experiment, run_name=self.label, tags={_FOLDER: mark})
        return str(made.info.run_id)

    @rank_zero_only
    @tolerant
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars."""
        for name, value in metrics.items():
            self._client.log_metric(self._id, name, float(value), step=step)

    @rank_zero_only
    @tolerant
    def log_image(self, name: str, image: Tensor, step: int) -> None:
        """Log an image: uint8, ``(3, H, W)``."""
        file = f"{name}/{step:09}.png"
        self._client.log_image(self._id, image.permute(1, 2, 0).numpy(), file)

    @rank_zero_only
    @tolerant
    def log_comparison(self, config: Mapping[str, Any], metrics: Sequence[str], overrides: Sequence[str] = ()) -> None:
        """Log the settings as parameters, and which of them the user has set as a tag."""
        from mlflow.entities import Param

        settings = ((key.replace("[", ".").replace("]", ""), str(value)) for key, value in flatten(config).items())
        parameters = iter([Param(key, value[:_LONGEST]) for key, value in settings])
        while part := list(islice(parameters, _AT_ONCE)):
            self._client.log_batch(self._id, params=part)
        self._client.set_tag(self._id, "overrides", " ".join(overrides))

    @rank_zero_only
    @tolerant
    def log_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log margins and real baselines beside the final values; as files a table, and how they were measured."""
        for name, value in final_numbers(results).items():
            self._client.log_metric(self._id, name, value, step=step)
        self._client.log_dict(self._id, dict(results["evaluation"]), "evaluation.json")
        self._client.log_text(self._id, as_markdown(results), "evaluation.md")

    def log_report(self, report: Report) -> None:
        """Log the files and the tables as artifacts, and the verdict as the description of the run there."""
        for file in report.files:
            self._client.log_artifact(self._id, str(file), "report")
        for title, cells in report.tables.items():
            self._client.log_text(self._id, csv_text(cells), f"tables/{title}.csv")
        self._client.set_tag(self._id, "mlflow.note.content", "\n\n".join(map(for_markdown, report.verdict)))

    def end(self, status: str) -> None:
        """End the run there."""
        if "_id" in self.__dict__:
            self._client.set_terminated(self._id, "FINISHED" if status == "success" else "FAILED")
