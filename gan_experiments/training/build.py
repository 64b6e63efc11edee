"""Builds the objects of a run from its config."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.accelerators import CUDAAccelerator
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy

from gan_experiments.config.signatures import signature_of
from gan_experiments.core.blocks import chosen_parts
from gan_experiments.core.clock import Clock
from gan_experiments.core.contracts import Penalty
from gan_experiments.core.dotted import value_of
from gan_experiments.core.memory import within_memory
from gan_experiments.core.randomness import derive_seed
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.base import ImageData
from gan_experiments.data.inputs import Inputs
from gan_experiments.data.tasks.base import Task
from gan_experiments.metrics.evaluator import Evaluator
from gan_experiments.networks.batch_norm import synchronize_batch_norm
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.stop_rule import read_rule
from gan_experiments.systems.base import System
from gan_experiments.systems.schedule import LearningRateSchedule, ValueRamp
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.training.callbacks.base import LoopPart
from gan_experiments.training.callbacks.evaluation import Evaluation
from gan_experiments.training.devices import check_devices
from gan_experiments.training.loggers.csv_table import MetricsTable
from gan_experiments.training.loop import RunLoop


class Parts(NamedTuple):
    """The objects of a run.

    Attributes:
        trainer: Lightning's trainer, with callbacks and loggers.
        system: The networks and how they are trained.
        data: The dataset.
        loop: Monitors, evaluates, samples, saves and stops.
        resumed_at: Images seen in the checkpoint that the run resumes from; ``None`` for a new run.
        initial: Where the weights of a new run come from, for its record; ``None``: they are random.
    """

    trainer: pl.Trainer
    system: System
    data: ImageData
    loop: RunLoop
    resumed_at: int | None = None
    initial: dict[str, Any] | None = None


def build(config: Mapping[str, Any], run: RunFolder) -> Parts:
    """Build everything that a checked, resolved config names; creates no file.

    Raises:
        ConfigError: Parts do not fit each other, or the machine lacks what the trainer needs.
    """
    data = build_data(config)
    system = build_system(config, data)
    processes = config["trainer"]["devices"], config["trainer"]["num_nodes"]
    if config["trainer"].get("sync_batchnorm") and processes != (1, 1):
        synchronize_batch_norm(system)
    built = [construct(node, run=run) for node in config["callbacks"].values()]
    refuse_callbacks_of_epochs(config["callbacks"], built)
    loop_parts: dict[str, Any] = {part.role: part for part in built if isinstance(part, LoopPart)}
    if any(config["metrics"].get(group) for group in ("extractors", "features", "measures")):
        loop_parts["evaluation"] = build_evaluation(config, data, labelled=system.num_classes > 0)
        loop_parts["evaluation"].patience = (config.get("stop") or {}).get("patience")
        loop_parts["evaluation"].standing_batches = system.standing_batches
    loop = RunLoop(**loop_parts, rule=read_rule(run))
    loggers: list[Logger] = [MetricsTable(run), *(construct(node, run=run) for node in config["logger"].values())]
    callbacks = loop.with_callbacks([callback for callback in built if not isinstance(callback, LoopPart)])
    trainer = build_trainer(config["trainer"], callbacks, loggers, run)
    return Parts(trainer, system, data, loop)


def refuse_callbacks_of_epochs(names: Iterable[str], built: Iterable[Any]) -> None:
    """Refuse callbacks that would wait for the end of an epoch, of which a run has only one.

    Raises:
        ConfigError: Names them.
    """
    text = "stops at the ends of epochs, and a run has one; a callback with on_train_batch_end can set"
    problems = [
        f"callbacks.{name}: {type(each).__name__} {text} trainer.should_stop; budget.images ends a run"
        for name, each in zip(names, built, strict=True)
        if isinstance(each, EarlyStopping)
    ]
    if problems:
        raise ConfigError(problems)


def build_data(config: Mapping[str, Any]) -> ImageData:
    """Build the dataset of a config, with the inputs that a task derives from its images.

    Raises:
        ConfigError: The task makes no sense for the images.
    """
    data: ImageData = construct(config["dataset"], "dataset", seed=config["seed"])
    if config.get("task"):
        task: Task = construct(config["task"], "task")
        task.refuse(data.facts)
        data.inputs = Inputs(data, data.facts.channels, paired=True, task=task)
    return data


def _build_networks(
    config: Mapping[str, Any], model: dict[str, Any], facts: DataFacts
) -> tuple[dict[str, Any], dict[str, DataFacts]]:
    """Take the networks out of ``model``; return them, initialized from the seed, and what each is built for."""
    networks: dict[str, Any] = {}
    seen: dict[str, DataFacts] = {}
    for name, (key, seen[name]) in locate(model["_target_"]).network_facts(facts).items():
        if key not in config["model"]:
            continue
        node = model.pop(key, config["model"][key])
        torch.manual_seed(derive_seed(config["seed"], "initialization", name))
        generator, wanted = networks.get("generator"), getattr(locate(node["_target_"]), "provided", ())
        of_it = {"generator": generator, "latent_dim": getattr(generator, "latent_dim", 0)}
        given = {option: value for option, value in of_it.items() if option in wanted}
        networks[name] = construct(node, f"model.{key}", facts=seen[name], **given)
        networks[name].architecture = dict(node)
    return networks, seen


def build_system(config: Mapping[str, Any], data: ImageData) -> System:
    """Build the networks, initialized from the seed, and the system that trains them."""
    model = dict(config["model"])
    facts = data.facts if data.inputs is None else data.inputs.facts
    networks, seen = _build_networks(config, model, facts)
    budget, shown = config["budget"]["images"], seen.get("discriminator", facts)
    penalties: dict[str, Penalty] = {name: construct(node) for name, node in config["penalty"].items()}
    for penalty in penalties.values():
        penalty.adapt_to(shown, config["batch_size"])
    setup = TrainingSetup(
        clock=Clock(config["batch_size"], budget),
        seed=config["seed"],
        ema_half_life=config["ema"]["half_life"],
        optimizers={name: optimizer_factory(node) for name in networks if (node := config["optimizer"].get(name))},
        schedule=LearningRateSchedule(**_with_end(config["optimizer"]["schedule"], budget)),
        clip=config["optimizer"]["clip"],
        loss=construct(config["loss"]) if config["loss"] else None,
        penalties=penalties,
        augmentations={name: construct(node, facts=shown) for name, node in config["augment"].items()},
        d_steps=config["d_steps"],
    )
    system: System = construct(model, "model", **networks, setup=setup)
    system.ema.start, system.ema.rampup = config["ema"].get("start", 0), config["ema"].get("rampup")
    system.use_standing_statistics(config["ema"].get("standing_batches") or 0, "ema.standing_batches")
    for name, chosen in (config.get("freeze") or {}).items():
        if chosen is not None:
            from_image = name == "discriminator"
            system.freeze_parts(name, chosen_parts(networks[name], chosen, from_image, f"freeze.{name}"))
    for ramp in config.get("ramps", {}).values():
        course = {name: value for name, value in _with_end(ramp, budget).items() if name != "keys"}
        system.ramps |= {key: ValueRamp(float(value_of(config, key)), **course) for key in ramp["keys"]}
    return system


def build_evaluation(config: Mapping[str, Any], data: ImageData, labelled: bool) -> Evaluation:
    """Build the evaluation of a generator; ``labelled``: its images have labels."""
    metrics = config["metrics"]
    evaluator = build_evaluator(metrics, data, config["seed"], labelled)
    counts = metrics["every"], metrics["samples"], metrics["final_samples"]
    missing = metrics.get("allow_missing", False)
    return Evaluation(evaluator, *counts, allow_missing=missing, inputs=data.inputs)


def build_evaluator(metrics: Mapping[str, Any], data: ImageData, seed: int, labelled: bool) -> Evaluator:
    """Build the comparison of generated images, which may have labels, with those of ``data``.

    Raises:
        ConfigError: A measure needs labels, and images have none.
    """
    with torch.random.fork_rng(devices=[]):  # an extractor with random weights is the same in every run
        torch.default_generator.manual_seed(derive_seed("extractors"))
        extractors, features, measures = (
            {name: construct(node, f"metrics.{group}.{name}") for name, node in metrics.get(group, {}).items()}
            for group in ("extractors", "features", "measures")
        )
    for group, built in (("features", features), ("measures", measures)):
        for name, measure in built.items():
            measure.config_key = f"metrics.{group}.{name}"
    needing = [f"features.{name}" for name, measure in features.items() if "labels" in measure.keeps]
    needing += [f"measures.{name}" for name, measure in measures.items() if measure.needs_labels]
    unlabelled = f"{data.facts.name} has" if not data.facts.num_classes else "the generated images have"
    if needing and not (labelled and data.facts.num_classes):
        raise ConfigError([f"metrics.{name}: needs labels; {unlabelled} none" for name in needing])
    return Evaluator(data, extractors, seed, metrics["batch_size"], features, measures)


def build_trainer(
    trainer: Mapping[str, Any], callbacks: list[pl.Callback], loggers: list[Logger], run: RunFolder
) -> pl.Trainer:
    """Build a Trainer without limits of its own: the clock decides when to stop, save and log.

    Raises:
        ConfigError: The machine lacks what is asked for, or Lightning refuses the combination.
    """
    check_devices(trainer["accelerator"], trainer["devices"])
    if not CUDAAccelerator.is_available():
        # Importing Lightning makes torch look for a GPU through NVML, which would slow down every optimizer step.
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    strategy: Any = trainer["strategy"]
    if strategy == "ddp" or _has_several_processes(trainer):
        on_cpu = trainer["accelerator"] == "cpu"
        # Each backward pass is for one network; the parameters of the other receive no gradient.
        strategy = DDPStrategy(find_unused_parameters=True, process_group_backend="gloo" if on_cpu else None)
    try:
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
    except (MisconfigurationException, ValueError) as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error


def _has_several_processes(trainer: Mapping[str, Any]) -> bool:
    """Tell whether Lightning's own choice would be a strategy of several processes, which needs options of ours."""
    devices = trainer["devices"]
    if devices == "auto":
        devices = 1 if trainer["accelerator"] == "cpu" else CUDAAccelerator.auto_device_count()
    return bool(devices > 1 or trainer["num_nodes"] > 1)


def construct(node: Mapping[str, Any], key: str = "", **available: Any) -> Any:
    """Build the component of a config node; of ``available``, it receives the arguments that its constructor names.

    Raises:
        ConfigError: It is too large for the memory of this machine.
    """
    target = locate(node["_target_"])
    accepted = signature_of(target).parameters
    with within_memory(key or node["_target_"].rpartition(".")[2], node):
        return target(**{name: value for name, value in available.items() if name in accepted}, **_arguments(node))


def locate(target: str) -> Any:
    """Import the class that a ``_target_`` names."""
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _arguments(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _nested(value) for key, value in node.items() if key != "_target_"}


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping):
        return construct(value) if "_target_" in value else _arguments(value)
    return [_nested(item) for item in value] if isinstance(value, list) else value


def optimizer_factory(node: Mapping[str, Any]) -> Callable[..., Any]:
    """Return what builds an optimizer of given parameters."""
    return partial(locate(node["_target_"]), **_arguments(node))


def _with_end(course: Mapping[str, Any], budget: int) -> dict[str, Any]:
    """Return the options of a schedule or ramp; without an ``end`` it ends with the budget."""
    return {**course, "end": course.get("end") or budget}
