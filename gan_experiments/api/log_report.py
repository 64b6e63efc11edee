"""Logs the report of a comparison to the services that runs are logged to."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_experiments.comparison.comparison import Comparison
from gan_experiments.comparison.report.measured import measured
from gan_experiments.comparison.report.tables import tables
from gan_experiments.comparison.report.wording import verdict
from gan_experiments.core.checks import ConfigView, refuse
from gan_experiments.core.text import first_line
from gan_experiments.training.loggers.aim import Aim
from gan_experiments.training.loggers.base import Report, ReportFolder, ServiceLogger
from gan_experiments.training.loggers.comet import Comet
from gan_experiments.training.loggers.mlflow import MLflow
from gan_experiments.training.loggers.trackio import Trackio
from gan_experiments.training.loggers.wandb import WeightsAndBiases

SERVICES: Mapping[str, type[ServiceLogger]] = {
    logger.extra: logger for logger in (Aim, Comet, MLflow, Trackio, WeightsAndBiases)
}
_NAMES = ("project", "experiment")  # options that a report takes from its runs: names, but no addresses


def check_services(names: Sequence[str]) -> None:
    """Raise a ``ConfigError`` that names every service whose package is missing."""
    refuse([str(problem) for name in names for problem in SERVICES[name].check("logger", {}, ConfigView({}, {}))])


def log_report(comparison: Comparison, files: Sequence[Path], names: Sequence[str]) -> int:
    """Log a report that has been written, and say where it went; returns 1 if a service has failed, else 0.

    Args:
        comparison: What is reported.
        files: The files of the report, the page first.
        names: Of services.
    """
    cells = {table.title: [table.head, *table.rows] for table in tables(comparison)}
    report = Report(files, [*verdict(comparison), *measured(comparison)], cells)
    runs = comparison.study.runs
    folder = ReportFolder(files[0].parent, min(str(run.record.get("started")) for run in runs))
    failed = 0
    for name in names:
        logger = SERVICES[name](folder, **_options(comparison, name))
        try:
            logger.log_report(report)
            logger.end("success")
        except Exception as error:  # a service's, or its package's, whatever it is
            print(f"logger: {name}: {first_line(error)}; the report is written, but not logged there", file=sys.stderr)
            failed = 1
        else:
            print(f"logged  {name}: {logger.label}")
    return failed


def _options(comparison: Comparison, name: str) -> dict[str, Any]:
    """Return the project or experiment that the first of the runs which were logged there are in."""
    for run in comparison.study.runs:
        known = {key: run.config.get(f"logger.{name}.{key}") for key in _NAMES}
        if any(known.values()):
            return {key: value for key, value in known.items() if value}
    return {}
