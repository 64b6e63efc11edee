"""The work of ``gan-compare``, with the packages that take it. Imports no torch."""

from __future__ import annotations

import os
import shlex
from operator import attrgetter
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from gan_experiments.api.request import Request
from gan_experiments.comparison.collect import OUTPUT
from gan_experiments.comparison.comparison import Comparison, compare
from gan_experiments.comparison.report.export import has_parquet
from gan_experiments.comparison.report.measured import measured
from gan_experiments.comparison.report.tables import as_rich, tables
from gan_experiments.comparison.report.wording import verdict
from gan_experiments.comparison.report.write import write_report
from gan_experiments.core.escape import printable
from gan_experiments.runs.summary import shown

_WIDTH = 160  # if the output is not a terminal: a narrow column breaks the names of arms anywhere


def compare_runs(request: Request) -> int:
    """Compare, write the report, and print what it says in short."""
    options = dict(request.config)
    output, services = options.pop("output"), options.pop("logger") or []
    if services:
        from gan_experiments.api.log_report import check_services, log_report  # which imports torch

        services = [services] if isinstance(services, str) else services
        check_services(services)
    overrides = [override.lstrip("+") for override in request.overrides]
    typed = shlex.join(["gan-compare", *overrides])
    comparison = compare(**options)
    folders = [run.folder.path.absolute().parent for run in comparison.study.runs]
    study = options["study"] or os.path.commonpath(folders)
    files = write_report(comparison, Path(study), Path(output or Path(study, OUTPUT)), typed)
    _tell(comparison, files)
    return log_report(comparison, files, services) if services else 0


def _tell(comparison: Comparison, files: list[Path]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for table in filter(attrgetter("brief"), tables(comparison)):
        console.print(as_rich(table))
    for line in comparison.warnings:
        console.print(f"[yellow]Warning:[/] {escape(printable(line))}", soft_wrap=True)
    first, *rest = verdict(comparison)
    console.print(f"\n[bold]{escape(printable(first))}[/]", soft_wrap=True)
    for line in [*rest, *measured(comparison)]:
        console.print(escape(printable(line)), soft_wrap=True)
    console.print(f"\nreport  {shown(files[0])}", markup=False, soft_wrap=True)
    others = ", ".join(file.name for file in files[1:])
    parquet = "" if has_parquet() else " (for Parquet: pip install 'gan-experiments[parquet]')"
    console.print(f"beside  {others}{parquet}", markup=False, soft_wrap=True)
