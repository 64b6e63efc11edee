"""Replays a run from a checkpoint in a folder of its own, as it was or with something changed."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
import yaml

from gan_experiments.config.files import conf_dir
from gan_experiments.core.dotted import value_of, with_values
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.checkpoints import check_clock, find_checkpoint, load_checkpoint
from gan_experiments.runs.findings import half_rates
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import CLOCK, read_metrics
from gan_experiments.training.build import locate
from gan_experiments.training.callbacks.failure_monitor import FailureMonitor
from gan_experiments.training.callbacks.monitor import Monitor
from gan_experiments.training.callbacks.progress import ProgressBar
from gan_experiments.training.loop import RunLoop

AS_IT_WAS = "as it was"
_PARTS = {"monitor": Monitor, "failures": FailureMonitor}  # of the run loop that a replay needs
_OTHER = ("speed/", "metrics/", "final/", "failures/")  # columns of time, and of evaluations

Changes = dict[str, Any]  # other values of dotted keys


def counterfactuals(config: Mapping[str, Any], images_seen: int) -> dict[str, Changes]:
    """Return what a run could have done differently, by name; the run as it was comes first.

    A larger batch has to divide the images seen at the checkpoint.
    """
    named: dict[str, Changes] = {AS_IT_WAS: {}, **_of_optimizers(config)}
    for name, penalty in (config.get("penalty") or {}).items():
        if isinstance(penalty.get("weight"), (int, float)):
            named[f"{name} x 2"] = {f"penalty.{name}.weight": 2 * penalty["weight"]}
    if config.get("loss") and "r1" not in (config.get("penalty") or {}):
        option = yaml.safe_load((conf_dir() / "penalty" / "r1.yaml").read_text(encoding="utf-8"))
        named["r1 added"] = {"penalty.r1": option["r1"]}
    if value_of(config, "trainer.precision") not in (None, "32-true"):
        named["float32"] = {"trainer.precision": "32-true"}
    batch = config["batch_size"]
    if batch % 2 == 0:
        named["half the batch"] = {"batch_size": batch // 2}
    if images_seen % (2 * batch) == 0:
        named["twice the batch"] = {"batch_size": 2 * batch}
    return {name: changes for name, changes in named.items() if changes or name == AS_IT_WAS}


def _of_optimizers(config: Mapping[str, Any]) -> dict[str, Changes]:
    keys = {name: f"optimizer.{name}" for name in ("generator", "discriminator")}
    rates = {name: value_of(config, f"{key}.lr") for name, key in keys.items()}
    half = half_rates(config)
    named = {"half the rates": half}
    if isinstance(rates["generator"], (int, float)):
        named["a tenth of the generator's rate"] = {f"{keys['generator']}.lr": rates["generator"] / 10}
        if isinstance(rates["discriminator"], (int, float)):
            rate = min(rates["generator"], rates["discriminator"] / 2)
            named["a slower discriminator"] = {f"{keys['discriminator']}.lr": rate}
    momenta = {f"{key}.momentum": 0.0 for key in keys.values() if value_of(config, f"{key}.momentum")}
    return named | {"no momentum": momenta}


def read_start(run: RunFolder, config: Mapping[str, Any], name: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read the checkpoint that replays start from; ``None`` for ``name`` ``start``: they start as the run did.

    Raises:
        ConfigError: There is none, it is damaged, or not of this run.
    """
    if name == "start":
        return None
    path = find_checkpoint(run, name)
    if not path.is_file():
        existing = [*(each for each in ("last", "best") if run.checkpoint(each).is_file()), "start"]
        raise ConfigError(f"checkpoint: {path}: no such checkpoint; of this run there is: {', '.join(existing)}")
    checkpoint = load_checkpoint(path)
    check_clock(checkpoint, config, path)
    return checkpoint


def config_of_replay(config: Mapping[str, Any], images: int, changes: Changes, bar: bool = False) -> dict[str, Any]:
    """Return the config of a replay that ends at ``images``, with schedules and ramps that end where the run's do.

    It has neither loggers nor callbacks of the user's, is evaluated at its end alone, and takes one process; with
    ``bar`` it shows its progress.
    """
    budget = config["budget"]["images"]
    ends = {f"ramps.{name}.end": budget for name, ramp in (config.get("ramps") or {}).items() if not ramp.get("end")}
    if not value_of(config, "optimizer.schedule.end"):
        ends["optimizer.schedule.end"] = budget
    own = {key: node for key, node in config["callbacks"].items() if node["_target_"] in map(_target, _PARTS.values())}
    present = {node["_target_"] for node in own.values()}
    own |= {key: {"_target_": _target(part)} for key, part in _PARTS.items() if _target(part) not in present}
    own |= {"progress": {"_target_": _target(ProgressBar)}} if bar else {}
    own_values = {"callbacks": own, "logger": {}, "resume": None, "stop": {"patience": None}, "budget.images": images}
    measured = {"metrics.every": images, "metrics.final_samples": config["metrics"]["samples"]}
    alone = {"trainer.devices": 1, "trainer.num_nodes": 1, "trainer.strategy": "auto"}
    return with_values(config, {**own_values, **measured, **alone, **ends, **changes})


def write_start(
    folder: RunFolder, run: RunFolder, checkpoint: Mapping[str, Any] | None, changes: Changes, old: Mapping[str, Any]
) -> None:
    """Write a run's checkpoint, changed as its ``old`` config is, and what its data are compared with, for a replay.

    Without a checkpoint the replay starts as the run did.
    """
    folder.update_record(dataset=run.record().get("dataset"))
    if checkpoint is None:
        return
    start = deepcopy(dict(checkpoint))
    state = start["callbacks"].setdefault(RunLoop().state_key, {})
    state.setdefault("monitor", Monitor().state_dict())
    state.setdefault("failures", FailureMonitor(folder).state_dict())
    networks = getattr(locate(old["model"]["_target_"]), "optimized", ())
    for network, optimizer in zip(networks, start["optimizer_states"], strict=True):
        for group in optimizer["param_groups"]:
            _change_group(group, f"optimizer.{network}.", changes)
    if "batch_size" in changes:
        start["statistics"] = {}  # of batches of another size
    path = folder.checkpoint("last")
    path.parent.mkdir(parents=True)
    torch.save(start, path)


def _change_group(group: dict[str, Any], prefix: str, changes: Changes) -> None:
    """Change the options of an optimizer that its state holds: they go before those of the config."""
    for key, value in changes.items():
        if key == f"{prefix}lr":  # which a schedule may have changed
            group["lr"] *= value / group.get("initial_lr", group["lr"])
            group["initial_lr"] = value
        elif key.startswith(prefix):
            group[key.removeprefix(prefix)] = value


def compare_rows(run: RunFolder, replay: RunFolder, after: int) -> tuple[int, str]:
    """Compare the rows of a replay with those that the run has itself logged after a checkpoint.

    Returns:
        How many there are of both, and the first difference; empty if there is none.
    """
    one, other = (read_metrics(folder).numbers() for folder in (run, replay))
    names = [name for name in other if name in one and name != CLOCK and not name.startswith(_OTHER)]
    rows = [
        {
            int(table[CLOCK][row]): [float(table[name][row]) for name in names]
            for row in range(len(table.get(CLOCK, ())))
        }
        for table in (one, other)
    ]
    trained = [{images for images, row in own.items() if not all(map(math.isnan, row))} for own in rows]
    both = sorted(images for images in trained[0] & trained[1] if images > after)
    for images in both:
        for name, left, right in zip(names, rows[0][images], rows[1][images], strict=True):
            if left != right and not (math.isnan(left) and math.isnan(right)):
                return len(both), f"{name} at {images:,} images: {left!r} in the run, {right!r} here"
    return len(both), ""


def every_of(config: Mapping[str, Any]) -> int:
    """Return the images between two rows of a run."""
    nodes = [node for node in config["callbacks"].values() if node["_target_"] == _target(Monitor)]
    return int(nodes[0]["every"]) if nodes else Monitor().every


def _target(part: type) -> str:
    return f"{part.__module__}.{part.__qualname__}"
