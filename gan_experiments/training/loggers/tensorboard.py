"""TensorBoard logger: scalars, images, the final evaluation and hyperparameters as event files in the run's folder."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer import event_file_writer
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor
from torch.utils.tensorboard.summary import hparams as hparams_summary

from gan_experiments.config.targets import TARGET
from gan_experiments.core.dotted import flatten
from gan_experiments.core.files import replacing
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import as_markdown
from gan_experiments.training.loggers.base import RunLogger

_log = logging.getLogger(__name__)
_excepthook = threading.excepthook


class TensorBoard(TensorBoardLogger, RunLogger):
    """Writes TensorBoard events whose step is images seen.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__(save_dir=str(run.path), name="", version="", default_hp_metric=False)
        self._folder = run.path
        self._failed = False
        threading.excepthook = _without_traceback

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars, as one event: an event for each would take as long as several small steps."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        with self._warning():
            self.experiment._get_file_writer().add_summary(Summary(value=values), step)

    @contextmanager
    def _warning(self) -> Iterator[None]:
        """Let training go on where events cannot be written, on a full disk for instance; warn of it once."""
        try:
            yield
        except OSError as error:
            if not self._failed:
                free = shutil.disk_usage(self._folder).free
                text = "%s: TensorBoard's events cannot be written: %s (%d bytes are free); training goes on without"
                _log.warning(text, self._folder, error.strerror, free)
            self._failed = True

    @rank_zero_only
    def log_comparison(self, config: Mapping[str, Any], metrics: Sequence[str], overrides: Sequence[str] = ()) -> None:
        """Add the run to the HParams tab: a column for each value of ``config``, and the latest value of ``metrics``.

        TensorBoard shows the first five columns; those of ``overrides`` come first.
        """
        summaries = hparams_summary(_columns(config), dict.fromkeys(metrics, 0.0))  # type: ignore[no-untyped-call]
        _put_first(summaries[0], overrides)
        with self._warning():
            for summary in summaries:
                self.experiment._get_file_writer().add_summary(summary)

    @rank_zero_only
    def save(self) -> None:
        """Flush pending events; the config is not written, ``config.yaml`` has it."""
        with self._warning():
            self.experiment.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is pending."""
        with self._warning():
            super().finalize(status)

    @rank_zero_only
    def log_image(self, name: str, image: Tensor, step: int) -> None:
        """Log an image: uint8, ``(3, H, W)``."""
        with self._warning():
            self.experiment.add_image(name, image, step)

    @rank_zero_only
    def log_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log the final evaluation as a table of the Text tab: values, margins, real baselines and provenance."""
        with self._warning():
            self.experiment.add_text("final", as_markdown(results), step)

    @rank_zero_only
    def rewind(self, images_seen: int) -> None:
        """Delete the events after ``images_seen``."""
        for path in sorted(self._folder.glob("events.out.tfevents.*")):
            events = list(_events(path))
            kept = [raw for raw, step in events if step <= images_seen]
            if not kept:
                path.unlink()
            elif len(kept) < len(events):
                with replacing(path) as temporary, temporary.open("wb") as file:
                    writer = RecordWriter(file)
                    for raw in kept:
                        writer.write(raw)


def _without_traceback(arguments: threading.ExceptHookArgs) -> None:
    """Print no traceback for the thread that writes events: what it raises, the next call of the writer raises."""
    is_writer = type(arguments.thread).__module__ == event_file_writer.__name__
    if not (is_writer and isinstance(arguments.exc_value, OSError)):
        _excepthook(arguments)


def _events(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield complete events with their steps; a killed writer may leave an incomplete one at the end."""
    for raw in RawEventFileLoader(str(path)).Load():
        yield raw, Event.FromString(raw).step


def _put_first(experiment: Summary, keys: Sequence[str]) -> None:
    """Mark the columns of ``keys`` as differing between runs: TensorBoard sorts these before the others.

    The key of a component marks the column of its class; the key of a group marks all columns of the group.
    """
    plugin = experiment.value[0].metadata.plugin_data
    data = HParamsPluginData.FromString(plugin.content)
    columns = data.experiment.hparam_infos
    groups = {key for key in keys if all(key != column.name for column in columns)}
    for column in columns:
        column.differs = column.name in keys or any(column.name.startswith(f"{key}.") for key in groups)
    plugin.content = data.SerializeToString()


def _columns(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a config by dotted key; at the key of a component it is the name of its class."""
    values = {key: value for key, value in flatten(config).items() if not isinstance(value, Mapping)}
    plain = {key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in values.items()}
    end = f".{TARGET}"
    return {
        key.removesuffix(end): str(value).rpartition(".")[2] if key.endswith(end) else value
        for key, value in plain.items()
    }
