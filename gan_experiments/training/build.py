"""From a checked config to the objects of a run."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from pytorch_lightning.accelerators import CUDAAccelerator, MPSAccelerator
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy

from gan_experiments.core.clock import Clock
from gan_experiments.core.dotted import value_of
from gan_experiments.core.randomness import derive_seed
from gan_experiments.core.types import ConfigError
from gan_experiments.data.base import ImageData
from gan_experiments.metrics.evaluator import Evaluator
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import System
from gan_experiments.systems.schedule import Ramp, Schedule
from gan_experiments.training.callbacks.checkpoint import Checkpoint
from gan_experiments.training.callbacks.evaluation import Evaluation
from gan_experiments.training.callbacks.monitor import Monitor
from gan_experiments.training.callbacks.progress import Progress
from gan_experiments.training.callbacks.stop import Stop
from gan_experiments.training.loggers.csv_table import MetricsTable

# Measured before drawn, all of it before saved, and nothing after the decision to stop.
ORDER = (Monitor, Evaluation, pl.Callback, Checkpoint, Progress, Stop)

NETWORKS = ("generator", "discriminator", "encoder")  # what a system may have, in the order of building


class Parts(NamedTuple):
    """The objects of a run."""

    trainer: pl.Trainer
    system: System
    data: ImageData
    evaluation: Evaluation | None
    stop: Stop


def build(config: Mapping[str, Any], run: RunFolder) -> Parts:
    """Build everything that a checked, resolved config names.

    Raises:
        ConfigError: Parts do not fit each other, or the machine lacks what the trainer asks for.
    """
    data: ImageData = construct(config["dataset"], seed=config["seed"])
    system = build_system(config, data)
    stop, evaluation = Stop(), None
    callbacks = [construct(node, run=run) for node in config["callbacks"].values()] + [stop]
    if any(config["metrics"].get(group) for group in ("extractors", "features", "measures")):
        evaluation = build_evaluation(config, data, labelled=system.num_classes > 0)
        callbacks.append(evaluation)
    callbacks.sort(key=_place)
    loggers: list[Logger] = [MetricsTable(run)]
    loggers += [construct(node, run=run) for node in config["logger"].values()]
    trainer = build_trainer(config["trainer"], callbacks, loggers, run)
    return Parts(trainer, system, data, evaluation, stop)


def build_system(config: Mapping[str, Any], data: ImageData) -> System:
    """Build the networks and the system that trains them, initialized from the seed."""
    model = dict(config["model"])
    networks: dict[str, Any] = {}
    for name in [name for name in NETWORKS if name in model]:
        node = model.pop(name)
        torch.manual_seed(derive_seed(config["seed"], "initialization", name))
        latents = {"latent_dim": networks["generator"].latent_dim} if name == "encoder" else {}
        networks[name] = construct(node, facts=data.facts, **latents)
        networks[name].architecture = dict(node)
    budget = config["budget"]["images"]
    system: System = construct(
        model,
        **networks,
        loss=construct(config["loss"]) if config["loss"] else None,
        penalties={name: construct(node) for name, node in config["penalty"].items()},
        augmentations={name: construct(node, facts=data.facts) for name, node in config["augment"].items()},
        optimizers={name: _factory(config["optimizer"][name]) for name in networks if config["optimizer"].get(name)},
        schedule=Schedule(**_until(config["optimizer"]["schedule"], budget)),
        clip=config["optimizer"]["clip"],
        clock=Clock(config["batch_size"], budget),
        seed=config["seed"],
        ema_half_life=config["ema"]["half_life"],
        d_steps=config["d_steps"],
    )
    for ramp in config.get("ramps", {}).values():
        move = {name: value for name, value in _until(ramp, budget).items() if name != "keys"}
        system.ramps |= {key: Ramp(float(value_of(config, key)), **move) for key in ramp["keys"]}
    return system


def build_evaluation(config: Mapping[str, Any], data: ImageData, labelled: bool) -> Evaluation:
    """Build what measures the generator; ``labelled``: which is asked for classes."""
    metrics = config["metrics"]
    evaluator = build_evaluator(metrics, data, config["seed"], metrics["final_samples"], labelled)
    return Evaluation(evaluator, metrics["every"], metrics["samples"], metrics["final_samples"])


def build_evaluator(metrics: Mapping[str, Any], data: ImageData, seed: int, samples: int, labelled: bool) -> Evaluator:
    """Build what compares ``samples`` images with those of ``data``.

    Raises:
        ConfigError: A measure needs labels, and images have none.
    """
    with torch.random.fork_rng(devices=[]):  # a network without weights is the same in every run
        torch.default_generator.manual_seed(derive_seed("extractors"))
        extractors, features, measures = (
            {name: construct(node) for name, node in metrics.get(group, {}).items()}
            for group in ("extractors", "features", "measures")
        )
    needing = [f"features.{name}" for name, measure in features.items() if "labels" in measure.keeps]
    needing += [f"measures.{name}" for name, measure in measures.items() if measure.needs_labels]
    lacking = data.facts.name if not data.facts.num_classes else "the generated images" if not labelled else None
    if needing and lacking:
        raise ConfigError([f"metrics.{name}: needs labels, which {lacking} lack" for name in needing])
    return Evaluator(data, extractors, seed, metrics["batch_size"], features, measures, samples)


def build_trainer(
    trainer: Mapping[str, Any], callbacks: list[pl.Callback], loggers: list[Logger], run: RunFolder
) -> pl.Trainer:
    """Build a Trainer that leaves to the clock what Lightning would count in steps and epochs."""
    check_devices(trainer["accelerator"], trainer["devices"])
    if not CUDAAccelerator.is_available():
        # Importing Lightning makes torch load NVML to look for a GPU, which every step of an optimizer does.
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    strategy: Any = trainer["strategy"]
    if strategy == "ddp":
        on_cpu = trainer["accelerator"] == "cpu"
        # Each backward concerns one network, so the parameters of the other go without a gradient.
        strategy = DDPStrategy(find_unused_parameters=True, process_group_backend="gloo" if on_cpu else None)
    return pl.Trainer(
        accelerator=trainer["accelerator"],
        devices=trainer["devices"],
        num_nodes=trainer["num_nodes"],
        strategy=strategy,
        precision=trainer["precision"],
        deterministic=trainer["deterministic"],
        callbacks=callbacks,
        logger=loggers,
        max_epochs=-1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=run.path,
    )


def check_devices(accelerator: str, devices: int | str) -> None:
    """Refuse what this machine does not have.

    Raises:
        ConfigError: There is no GPU, or there are not as many.
    """
    if accelerator != "gpu":
        return
    if not (CUDAAccelerator.is_available() or MPSAccelerator.is_available()):
        raise ConfigError("trainer.accelerator: 'gpu' asked for, but torch sees no GPU here (try trainer=cpu)")
    found = max(CUDAAccelerator.auto_device_count(), MPSAccelerator.auto_device_count())
    if isinstance(devices, int) and devices > found:
        raise ConfigError(f"trainer.devices: {devices} asked for, this machine has {found}")


def device_for_measuring(accelerator: str) -> torch.device:
    """Return where to generate and to measure: CUDA if it is here and not ``cpu`` asked for; MPS knows no float64.

    Raises:
        ConfigError: There is no GPU, and one is asked for.
    """
    check_devices(accelerator, 1)
    return torch.device("cuda" if accelerator != "cpu" and CUDAAccelerator.is_available() else "cpu")


def construct(node: Mapping[str, Any], **available: Any) -> Any:
    """Build the component of a config node, handing it whatever of ``available`` its constructor asks for by name."""
    arguments = {key: _nested(value) for key, value in node.items() if key != "_target_"}
    target = locate(node["_target_"])
    wanted = inspect.signature(target).parameters
    return target(**{key: value for key, value in available.items() if key in wanted}, **arguments)


def locate(target: str) -> Callable[..., Any]:
    """Import the class that a ``_target_`` names."""
    module, _, name = target.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping):
        return construct(value) if "_target_" in value else {key: _nested(item) for key, item in value.items()}
    return [_nested(item) for item in value] if isinstance(value, list) else value


def _factory(node: Mapping[str, Any]) -> Callable[..., Any]:
    arguments = {key: _nested(value) for key, value in node.items() if key != "_target_"}
    return partial(locate(node["_target_"]), **arguments)


def _until(schedule: Mapping[str, Any], budget: int) -> dict[str, Any]:
    """Return what a schedule says, its ``end`` the budget if it says none."""
    return {**schedule, "end": schedule.get("end") or budget}


def _place(callback: pl.Callback) -> int:
    kinds = [index for index, kind in enumerate(ORDER) if isinstance(callback, kind)]
    own = [index for index in kinds if ORDER[index] is not pl.Callback]
    return (own or kinds)[0]
