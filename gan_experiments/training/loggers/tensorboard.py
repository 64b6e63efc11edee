"""Scalars, pictures and hyperparameters as TensorBoard events, in the run's folder itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor
from torch.utils.tensorboard.summary import hparams as hparams_summary

from gan_experiments.core.files import replacing
from gan_experiments.runs.folder import RunFolder


class TensorBoard(TensorBoardLogger):
    """TensorBoard events whose step is images seen.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__(save_dir=str(run.path), name="", version="", default_hp_metric=False)

    @rank_zero_only
    def log_comparison(self, config: Mapping[str, Any], metrics: list[str], told: Sequence[str] = ()) -> None:
        """Make the run a row of the HParams tab: its config, and the newest value of each of ``metrics``.

        Args:
            config: A column for each value; TensorBoard shows the first five.
            metrics: The names of scalars.
            told: The keys whose columns go first.
        """
        summaries = hparams_summary(_flatten(config), dict.fromkeys(metrics, 0.0))  # type: ignore[no-untyped-call]
        _put_first(summaries[0], told)
        for summary in summaries:
            self.experiment._get_file_writer().add_summary(summary)

    @rank_zero_only
    def save(self) -> None:
        """Write what is pending; the config has a file of its own."""
        self.experiment.flush()

    @rank_zero_only
    def log_image(self, name: str, image: Tensor, step: int) -> None:
        """Log a picture: uint8, ``(3, H, W)``."""
        self.experiment.add_image(name, image, step)


def rewind(run: RunFolder, images_seen: int) -> None:
    """Drop the events after ``images_seen``: a resumed run writes them again."""
    for path in sorted(run.path.glob("events.out.tfevents.*")):
        events = list(_events(path))
        kept = [raw for raw, step in events if step <= images_seen]
        if not any(step <= images_seen for _, step in events):
            path.unlink()
        elif len(kept) < len(events):
            with replacing(path) as temporary, temporary.open("wb") as file:
                writer = RecordWriter(file)
                for raw in kept:
                    writer.write(raw)


def _events(path: Path) -> Iterator[tuple[bytes, int]]:
    """Read events that are whole, with their steps; a killed writer may leave half of one at the end."""
    for raw in RawEventFileLoader(str(path)).Load():
        yield raw, Event.FromString(raw).step


def _put_first(experiment: Summary, keys: Sequence[str]) -> None:
    """Mark the columns of ``keys`` as those that differ between runs, which TensorBoard sorts before the others.

    The column of a component stands for its arguments; a group of several has a column for each.
    """
    plugin = experiment.value[0].metadata.plugin_data
    data = HParamsPluginData.FromString(plugin.content)
    columns = data.experiment.hparam_infos
    above = {key for key in keys if all(key != column.name for column in columns)}
    for column in columns:
        column.differs = column.name in keys or any(column.name.startswith(f"{key}.") for key in above)
    plugin.content = data.SerializeToString()


def _flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a cell for each value, and for each component one that has its key and names its class."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        elif key == "_target_":
            flat[prefix.rstrip(".")] = value.rpartition(".")[2]
        else:
            flat[prefix + key] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return flat
