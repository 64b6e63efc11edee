"""``diagnose``: replays a run from a checkpoint, as it was and with named changes, and says which of them survive."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from gan_experiments.api.run import Run
from gan_experiments.api.run_config import checked_run
from gan_experiments.api.state import preserved_state
from gan_experiments.config.check import check_config
from gan_experiments.config.schema import Config
from gan_experiments.core.checks import refuse
from gan_experiments.core.clock import duration
from gan_experiments.core.escape import for_markdown
from gan_experiments.core.files import write_json, write_text
from gan_experiments.core.text import first_line, suggest
from gan_experiments.core.types import ConfigError, DivergedError
from gan_experiments.runs.findings import findings, lines, title
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.results import estimates

JSON, MARKDOWN = "diagnosis.json", "diagnosis.md"


class Trial(NamedTuple):
    """One replay.

    Attributes:
        name: What was changed, in words.
        changes: The same as other values of keys of the config.
        failures: The names of the failures that last at its end; ``refused`` if the change was not possible.
        reason: Why, a line.
        values: The scores at its end, by name.
    """

    name: str
    changes: Mapping[str, Any]
    failures: tuple[str, ...]
    reason: str
    values: Mapping[str, float]

    @property
    def survives(self) -> bool:
        """Whether no failure lasts at its end."""
        return not self.failures


class Diagnosis(NamedTuple):
    """What would have helped a run.

    Attributes:
        run: The run folder.
        found: A line for each finding of the run itself.
        start: Images seen at the checkpoint.
        images: Images of each replay.
        rows: Rows of ``metrics.csv`` that the replay and the run itself have both logged after the checkpoint.
        difference: The first difference between them; empty if they are the same, bit for bit.
        trials: The replays; the first is of the run as it was.
    """

    run: str
    found: list[str]
    start: int
    images: int
    rows: int
    difference: str
    trials: list[Trial]

    @property
    def verdict(self) -> str:
        """Which changes survive, in a sentence."""
        before, *others = self.trials
        survivors = [trial.name for trial in others if trial.survives]
        if before.survives:
            return f"No failure lasts {self.images:,} images after the checkpoint, as it was: more images would tell."
        failure = " and ".join(title(name) for name in before.failures)
        if not survivors:
            return (
                f"As it was, the replay ends with {failure}, and no change survives: one from an earlier moment might."
            )
        return f"As it was, the replay ends with {failure}; these survive: {', '.join(survivors)}."

    @property
    def replayed(self) -> str:
        """How the replay compares with the run's own steps, in a sentence."""
        if not self.rows:
            return "The run has logged no row after the checkpoint that the replay could be compared with."
        if self.difference:
            return f"The replay differs from the run itself: {self.difference}."
        return f"The replay repeats the run, bit for bit: {self.rows} row{'s' * (self.rows > 1)} of metrics.csv."

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        trials = [{**trial._asdict(), "survives": trial.survives} for trial in self.trials]
        return {**self._asdict(), "trials": trials, "verdict": self.verdict}

    def markdown(self) -> str:
        """Return it as a page."""
        scores = list(dict.fromkeys(name for trial in self.trials for name in trial.values))
        head = ["replay", "changes", "survives", "why not", *(name.upper() for name in scores)]
        rows = [head, ["---"] * len(head), *(self._row(trial, scores) for trial in self.trials)]
        table = "\n".join(f"| {' | '.join(map(for_markdown, row))} |" for row in rows)
        found = "\n".join(f"- {for_markdown(line)}" for line in self.found) or "Nothing was found while it trained."
        facts = f"From {self.start:,} images on, {self.images:,} images each. {self.replayed}"
        title = for_markdown(Path(self.run).name)
        return "\n\n".join([f"# {title}", for_markdown(self.verdict), found, for_markdown(facts), table]) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write both files into a folder and return them."""
        write_json(folder / JSON, self.plain())
        write_text(folder / MARKDOWN, self.markdown())
        return [folder / JSON, folder / MARKDOWN]

    def __str__(self) -> str:
        rows = [f"  {trial.name:<30} {'survives' if trial.survives else trial.reason}" for trial in self.trials]
        return "\n".join([*rows, "", self.replayed, self.verdict])

    @staticmethod
    def _row(trial: Trial, scores: Sequence[str]) -> list[str]:
        changes = " ".join(f"{key}={value}" for key, value in trial.changes.items() if not isinstance(value, Mapping))
        changes = changes or " ".join(f"+{key}" for key in trial.changes)
        values = [f"{trial.values[name]:.4g}" if name in trial.values else "" for name in scores]
        return [trial.name, changes, "yes" if trial.survives else "no", trial.reason, *values]


def diagnose(
    run: Run,
    images: int | None = None,
    checkpoint: str | os.PathLike[str] = "last",
    only: Sequence[str] | None = None,
    say: Callable[[str], object] | None = None,
    bar: bool = False,
) -> Diagnosis:
    """Replay a run from a checkpoint, as it was and with one thing changed at a time; the run itself stays as it is.

    Args:
        run: Trained on one device; more are replayed by one process, whose bits may differ.
        images: Of each replay; ``None``: 16 rows of its monitor, or 32 where it oscillates: what the rules look at.
        checkpoint: ``last``, ``best``, the path of a file, or ``start``: the first step.
        only: Names of the changes to try; ``None``: all that this run can have.
        say: Called with a line of what will be done, how long it takes from a few steps, and one after each replay.
        bar: Show the progress of each replay.

    Raises:
        ConfigError: The run cannot be used, or has no such checkpoint or change.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    config = checked_run(run.files, run.trusted, edits=run.places)
    from gan_experiments.training import counterfactuals

    start = counterfactuals.read_start(run.files, config, checkpoint)
    seen = 0 if start is None else start["images_seen"]
    chosen = _chosen(counterfactuals.counterfactuals(config, seen), only)
    images = images or _rows(run) * counterfactuals.every_of(config)
    if say is not None:
        say(_announced(config, len(chosen), images))
    began = time.monotonic()
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="gan-diagnose-") as root:
        folders = [RunFolder(Path(root) / f"{index:02}") for index in range(len(chosen))]
        for (name, changes), folder in zip(chosen.items(), folders, strict=True):
            trials.append(_try(run.files, config, start, name, changes, seen + images, folder, bar))
            if say is not None:
                say(_so_far(trials, len(chosen), time.monotonic() - began))
        compared, difference = counterfactuals.compare_rows(run.files, folders[0], seen)
    return Diagnosis(str(run.folder), lines(run.record), seen, images, compared, difference, trials)


def _chosen(named: Mapping[str, dict[str, Any]], only: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """Return the changes to try, by name: none comes first."""
    unknown = [name for name in only or () if name not in named]
    refuse([f"only: {name!r} is no change of this run{suggest(name, named, listed=True)}" for name in unknown])
    first = next(iter(named))
    return {name: named[name] for name in named if name == first or only is None or name in only}


def _rows(run: Run) -> int:
    """Return how many rows of the monitor the rules look at."""
    from gan_experiments.training import failures

    oscillates = any(each.name == "oscillation" and each.ended is None for each in findings(run.record))
    return failures.WINDOW if oscillates else 2 * failures.ROWS


def _announced(config: Mapping[str, Any], count: int, images: int) -> str:
    """Say how many replays there will be, and how long they take, from a few steps."""
    from gan_experiments.training.restore import naming_places
    from gan_experiments.training.speed import expected_duration

    replays = f"{count} replays of {images:,} images each" if count > 1 else f"1 replay of {images:,} images"
    with naming_places(config), suppress(DivergedError), preserved_state():
        return f"{replays}, which takes {expected_duration(config, count * images)}"
    return replays  # a run that diverges at once can be replayed as well


def _so_far(trials: Sequence[Trial], count: int, seconds: float) -> str:
    """Say what became of the last replay, and how long the others take if they are as fast as these."""
    done, last = len(trials), trials[-1]
    what = "survives" if last.survives else last.reason
    return f"{done} of {count}, {last.name}: {what} · {duration(seconds / done * (count - done))} left"


def _try(
    run: RunFolder,
    config: Mapping[str, Any],
    start: Mapping[str, Any] | None,
    name: str,
    changes: Mapping[str, Any],
    until: int,
    folder: RunFolder,
    bar: bool,
) -> Trial:
    """Train one replay until ``until`` images, and return what became of it."""
    from gan_experiments.training.counterfactuals import config_of_replay, write_start
    from gan_experiments.training.train import train

    changed = config_of_replay(config, until, dict(changes), bar)
    try:
        refuse(check_config(changed, Config, config["trusted"]).errors)
        write_start(folder, run, start, dict(changes), config)
        with preserved_state(), _quiet():
            code = train(changed, folder)
    except ConfigError as error:
        return Trial(name, changes, ("refused",), f"not possible: {first_line(error)}", {})
    except DivergedError:
        code = 0
    if code:
        raise KeyboardInterrupt
    lasting = [finding for finding in findings(folder.record()) if finding.ended is None]
    reason = "; ".join(f"{title(finding.name)}: {finding.reason}" for finding in lasting)
    values = {key: each.value for key, each in estimates(folder.record()).items()}
    return Trial(name, changes, tuple(finding.name for finding in lasting), reason, values)


@contextmanager
def _quiet() -> Iterator[None]:
    """Print no line when a replay fails: the table says it."""
    logger = logging.getLogger("gan_experiments.training.callbacks.failure_monitor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
