"""Speed and size of every network: one table row for each ``conf/model/*.yaml`` and image size.

    python benchmarks/networks.py --sizes 32 64 128 --batch 16 --output benchmarks/results/networks.md

Every row is measured in a separate process. A step is one discriminator and one generator step of the system (for a
VAE: one step), with Adam and without a penalty, on random labelled colour images in memory; for translators, pairs of
them. FLOPs are counted by torch for one step and one image (a multiply-add is two). Activations are the tensors saved
for the backward pass of a discriminator or generator step, whichever is larger, for one image, without weights. Peak
memory is that of the process, including Python and libraries. `channels_last` is the ratio of the speeds with and
without it, measured alternately. With one thread, seconds are those of the processor, which other programs change less.

Models of points are measured at one pixel, whatever the sizes. A frozen network has random weights: they take as long.
A model that no size fits has no row, and the script fails at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import harness

COLUMNS = ("model", "pixels", "parameters G", "parameters D", "images/s", "GFLOP/image", "activations/image", "peak",
           "channels_last")  # fmt: skip
SKIPPED = 75  # exit code of a worker whose network does not support the image size
POINTS = {"dirac": 1, "linear_quadratic": 1, "mlp_points": 2}  # models of points, with their coordinates
OVERRIDES = {"projected_gan": ["model.discriminator.weights=random"]}


def main() -> None:
    """Measure each model at each size and print a table."""
    models = all_models()
    parser = harness.parser(__doc__, rounds=3, threads=os.cpu_count())
    parser.add_argument("--models", nargs="+", default=models, choices=models)
    parser.add_argument("--sizes", nargs="+", type=int, default=[32, 64, 128])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2, help="per measurement")
    parser.add_argument("--overrides", nargs="*", default=[], help="for gan-train, e.g. conditioning=projection")
    parser.add_argument("--worker", nargs=2, metavar=("MODEL", "SIZE"), help="for the script's own processes")
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker[0], int(options.worker[1]), options)))
        return
    lines = [*harness.heading(f"{options.threads} threads"), *harness.head(*COLUMNS)]
    refused = []
    for model in options.models:
        rows = [row for size in sizes_of(model, options.sizes) if (row := in_process(model, size, options))]
        lines += [harness.row(*row) for row in rows]
        refused += [] if rows else [model]
    harness.report(lines, options.output)
    if refused:
        sys.exit(f"no row: {', '.join(refused)} at {', '.join(map(str, options.sizes))} pixels; the reasons are above")


def all_models() -> list[str]:
    """Return the models of the package."""
    from gan_experiments.config.files import conf_dir

    return sorted(file.stem for file in (conf_dir() / "model").glob("*.yaml") if file.stem != "base")


def sizes_of(model: str, sizes: Sequence[int]) -> Sequence[int]:
    """Return the image sizes to measure a model at: of points one pixel."""
    return [1] if model in POINTS else sizes


def in_process(model: str, size: int, options: argparse.Namespace) -> list[str] | None:
    """Return the cells of one row, measured in a separate process; ``None`` if the size is not supported.

    It prints the row, or why there is none.
    """
    command = [sys.executable, __file__, "--worker", model, str(size)]
    for name in ("batch", "rounds", "steps"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--overrides", *options.overrides] if options.overrides else []
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == SKIPPED:
        print(f"{model} at {size} pixels: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr, flush=True)
        return None
    if done.returncode:
        sys.exit(f"{model} at {size} pixels:\n{done.stderr}")
    row: list[str] = json.loads(done.stdout.splitlines()[-1])
    print(harness.row(*row), file=sys.stderr, flush=True)
    return row


def work(model: str, size: int, options: argparse.Namespace) -> list[str]:
    """Measure one model at one size; exits with SKIPPED if the size is not supported."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    first, step = build(model, size, options, True)
    networks = {name: module for name in ("generator", "discriminator") if (module := getattr(first, name, None))}
    counts = [f"{sum(p.numel() for p in net.parameters()):,}" for net in networks.values()] + ["-"]
    flops = flops_of(step) / options.batch
    kept = activations_of(first, step) / options.batch
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    _, other = build(model, size, options, False)

    seconds = time.process_time if torch.get_num_threads() == 1 else time.perf_counter

    def segment(run: Any) -> float:
        begun = seconds()
        for _ in range(options.steps):
            run()
        return float(options.steps * options.batch / (seconds() - begun))

    runs = {"channels_last": lambda: segment(step), "contiguous": lambda: segment(other)}
    speeds = harness.turns(runs, options.rounds)
    ratio = harness.ratio(speeds["channels_last"], speeds["contiguous"])
    return [
        model, str(size), *counts[:2], f"{statistics.median(speeds['channels_last']):,.1f}", f"{flops / 1e9:.2f}",
        f"{kept / 2**20:.2f} MiB", f"{peak / 2**30:.2f} GiB", f"x{ratio:.2f}",
    ]  # fmt: skip


def build(model: str, size: int, options: argparse.Namespace, channels_last: bool) -> tuple[Any, Any]:
    """Return the system of a model and a function that takes one step of it on images in memory."""
    import pytorch_lightning as pl
    from omegaconf import OmegaConf

    from gan_experiments.config.compose import compose
    from gan_experiments.config.targets import find_class
    from gan_experiments.core.types import ConfigError, DataFacts
    from gan_experiments.training.build import build_system

    lines = [f"model={model}", f"model.channels_last={str(channels_last).lower()}", f"batch_size={options.batch}"]
    chosen = compose("train", lines)
    networks = [chosen.model[name]._target_ for name in ("generator", "discriminator") if name in chosen.model]
    energy = any(getattr(find_class(target), "output", "") == "energy" for target in networks)
    lines += ["loss=ebgan"] * energy + ["penalty=none", *OVERRIDES.get(model, []), *options.overrides]
    config: Any = OmegaConf.to_container(compose("train", lines), resolve=True)
    channels = POINTS.get(model, 3)
    labels, of_inputs = (0, channels) if find_class(chosen.model._target_).translates else (10, None)

    class Images:
        facts = DataFacts("random", size, channels, labels, input_channels=of_inputs)
        inputs = None

    try:
        system = build_system(config, Images())  # type: ignore[arg-type]
        system.refuse_batch(1)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(SKIPPED)
    trainer = pl.Trainer(accelerator="cpu", barebones=True, max_epochs=1)
    return system, stepper(system, trainer, (options.batch, channels, size, size))


def stepper(system: Any, trainer: Any, shape: tuple[int, ...]) -> Any:
    """Return a function that takes one step, as the trainer does, on images of one ``shape``."""
    import torch

    from gan_experiments.core.step import Batch, TranslationBatch

    system.trainer = trainer
    trainer.strategy.connect(system)
    trainer.strategy.setup_optimizers(trainer)
    images = torch.randint(256, shape, dtype=torch.uint8)
    if shape[2:] == (1, 1):
        images = torch.rand(shape) * 2 - 1
    paired = TranslationBatch(images, images.flip(0))
    data = paired if system.translates else Batch(images, torch.randint(10, shape[:1]))
    return lambda: system.step(data)


def flops_of(step: Any) -> int:
    """Return the floating point operations of a step."""
    from torch.utils.flop_counter import FlopCounterMode

    class Everything(nullcontext[None]):
        """Count without modules: torch's tracker fails for a parameter without a gradient as an input (StyleGAN2)."""

        parents = ("Global",)

    counter = FlopCounterMode(display=False)
    counter.mod_tracker = Everything()  # type: ignore[assignment]
    with counter:
        step()
    return int(counter.get_total_flops())


def activations_of(system: Any, step: Any) -> int:
    """Return the bytes saved for a backward pass, without weights: the largest of those of a step."""
    import torch

    weights = {parameter.untyped_storage().data_ptr() for parameter in system.parameters()}
    kept: dict[int, int] = {}
    most = [0]

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    backward = system.manual_backward

    def counted(loss: Any, *arguments: Any, **options: Any) -> None:
        most[0] = max(most[0], sum(kept.values()))
        backward(loss, *arguments, **options)
        kept.clear()

    system.manual_backward = counted
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    system.manual_backward = backward
    return most[0]


if __name__ == "__main__":
    main()
