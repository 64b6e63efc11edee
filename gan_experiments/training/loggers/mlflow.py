"""MLflow logger: scalars, sample grids, hyperparameters and final values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
from numpy.typing import NDArray

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.dotted import flatten
from gan_experiments.core.escape import for_markdown
from gan_experiments.core.text import csv_text
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import as_markdown
from gan_experiments.training.loggers.base import Report, ServiceLogger, check_writable

_LONGEST = 500  # characters of a parameter's value, which MLflow refuses beyond some thousands
_AT_ONCE = 100  # parameters in a call
_SERVERS = ("databricks", "databricks-uc", "uc")  # addresses that look like a folder
_VARIABLE = "MLFLOW_TRACKING_URI"
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
        given = tracking_uri or os.environ.get(_VARIABLE)
        self._uri = given or (run.path.absolute().parent / "mlruns").as_uri()

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> list[Problem]:
        """Refuse a folder or database of this machine that cannot be written to; no server is asked."""
        given = config.get(f"{key}.tracking_uri")
        local = _local_path(given or os.environ.get(_VARIABLE, ""))
        name = f"{key}.tracking_uri" if given else _VARIABLE
        return super().check(key, options, config) + ([] if local is None else check_writable(local, name))

    @property
    def version(self) -> str:
        """The id of the run there; empty before something is logged."""
        return str(self.__dict__.get("_run", ""))

    @cached_property
    def _client(self) -> Any:
        """MLflow's client."""
        from mlflow import MlflowClient

        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # needs no database, and many jobs can write to it
        return MlflowClient(self._uri)

    def begin(self) -> str:
        """Return the id of the run there: found by the folder's name and start, else made."""
        client = self._client
        known = client.get_experiment_by_name(self._experiment)
        experiment = known.experiment_id if known else client.create_experiment(self._experiment)
        mark = f"{self.label} {self._folder.record().get('started')}"
        for run in client.search_runs([experiment], f"tags.`{_FOLDER}` = '{mark}'"):
            client.update_run(run.info.run_id, status="RUNNING")
            return str(run.info.run_id)
        made = client.create_run(experiment, run_name=self.label, tags={_FOLDER: mark})
        return str(made.info.run_id)

    def put_scalars(self, values: dict[str, float], step: int | None) -> None:
        """Log scalars."""
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def put_image(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Log an image."""
        file = f"{name}/{step:09}.png"
        self._client.log_image(self._run, pixels, file)

    def put_settings(self, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        """Log the settings as parameters, and which of them the user has set as a tag."""
        from mlflow.entities import Param

        settings = ((key.replace("[", ".").replace("]", ""), str(value)) for key, value in flatten(config).items())
        parameters = iter([Param(key, value[:_LONGEST]) for key, value in settings])
        while part := list(islice(parameters, _AT_ONCE)):
            self._client.log_batch(self._run, params=part)
        self._client.set_tag(self._run, "overrides", " ".join(overrides))

    def put_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log margins and real baselines beside the final values; as files a table, and how they were measured."""
        super().put_final(results, step)
        self._client.log_dict(self._run, dict(results["evaluation"]), "evaluation.json")
        self._client.log_text(self._run, as_markdown(results), "evaluation.md")

    def log_report(self, report: Report) -> None:
        """Log the files and the tables as artifacts, and the verdict as the description of the run there."""
        for file in report.files:
            self._client.log_artifact(self._run, str(file), "report")
        for title, cells in report.tables.items():
            self._client.log_text(self._run, csv_text(cells), f"tables/{title}.csv")
        self._client.set_tag(self._run, "mlflow.note.content", "\n\n".join(map(for_markdown, report.verdict)))

    def finish(self, success: bool) -> None:
        """End the run there."""
        self._client.set_terminated(self._run, "FINISHED" if success else "FAILED")


def _local_path(uri: str) -> Path | None:
    """Return the folder or the file of a database that an address of MLflow means; ``None`` if it is no such one."""
    address = urlsplit(uri)
    if address.scheme.startswith("sqlite"):
        return Path(uri.partition("///")[2])
    if address.scheme == "file" or (not address.scheme and uri and uri not in _SERVERS):
        return Path(url2pathname(address.path))
    return None
