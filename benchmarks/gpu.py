"""Speed and memory of training on a GPU: every network by precision, TF32, compilation, processes and jobs at once.

    python benchmarks/gpu.py --output benchmarks/results/gpu.md
    python benchmarks/gpu.py --accelerator cpu --models mlp --steps 2 --rounds 1    # that the script works

Every row is measured in a process of its own, by the loop of `gan-train` with its loggers, on random images in memory.
`images/s` is the median of the rounds, `x float32` the ratio to the same network in float32 without TF32, measured
alternately; of several jobs at once, speeds and memory are added up. Compiled networks have no penalty: a second
derivative cannot be compiled. A row that could not be measured, for want of memory or of a kernel, says why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import harness
import torch
from omegaconf import OmegaConf

from gan_experiments.config.compose import compose
from gan_experiments.core.clock import Clock
from gan_experiments.core.types import DataFacts
from gan_experiments.data.base import ImageData
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build

USUAL = {  # model: image size, batch size
    "mlp": (28, 128), "dcgan": (64, 128), "sngan": (32, 64), "sagan": (64, 64), "biggan": (64, 64),
    "sndcgan": (32, 64), "stylegan2": (128, 16), "r3gan": (64, 64), "vae": (64, 128), "autoencoder": (64, 64),
}  # fmt: skip
WARM_UP = 10  # steps that are not timed: memory is claimed, kernels are chosen


@dataclass(frozen=True)
class Setting:
    """How a network is trained.

    Attributes:
        precision: Of the trainer.
        tf32: Whether float32 products and convolutions may use TF32.
        compiled: Whether the networks go through ``torch.compile``.
        jobs: How many processes train the same at once on one device.
    """

    precision: str = "32-true"
    tf32: bool = False
    compiled: bool = False
    jobs: int = 1


SETTINGS = {
    "float32": Setting(),
    "float32, TF32": Setting(tf32=True),
    "bf16-mixed": Setting("bf16-mixed"),
    "16-mixed": Setting("16-mixed"),
    "bf16-mixed, compiled": Setting("bf16-mixed", compiled=True),
    "bf16-mixed, 4 jobs at once": Setting("bf16-mixed", jobs=4),
}
COLUMNS = ("model", "pixels", "batch", "setting", "images/s", "x float32", "peak memory")


def main() -> None:
    """Measure every network in every setting and print a table."""
    parser = harness.parser(__doc__, rounds=3)
    parser.add_argument("--accelerator", default="gpu", choices=["gpu", "cpu"])
    parser.add_argument("--models", nargs="+", default=list(USUAL), choices=list(USUAL))
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--steps", type=int, default=50, help="per measurement")
    parser.add_argument("--overrides", nargs="*", default=[], help="for gan-train")
    parser.add_argument("--worker", nargs=2, metavar=("MODEL", "SETTING"), help="for the script's own processes")
    options = parser.parse_args()
    if options.worker:
        work(options.worker[0], SETTINGS[options.worker[1]], options)
        return
    lines = [*harness.heading(device(options.accelerator)), *harness.head(*COLUMNS)]
    for model in options.models:
        for row in rows(model, options):
            lines.append(harness.row(*row))
            print(lines[-1], file=sys.stderr, flush=True)
    harness.report(lines, options.output)


def rows(model: str, options: argparse.Namespace) -> list[list[str]]:
    """Return the rows of a model: its settings take turns."""
    made: dict[str, list[dict[str, float]]] = {name: [] for name in options.settings}
    failed: dict[str, str] = {}
    for _ in range(options.rounds):
        for name in options.settings:
            if name not in failed:
                try:
                    made[name].append(measure(model, name, options))
                except RuntimeError as error:
                    failed[name] = str(error)
    size, batch = USUAL[model]
    table = []
    for name, taken in made.items():
        if name in failed:
            table.append([model, str(size), str(batch), name, failed[name], "", ""])
            continue
        speeds = [each["speed"] for each in taken]
        others = [each["speed"] for each in made.get("float32", [])]
        against = f"{harness.ratio(speeds, others):.2f}" if len(others) == len(speeds) else ""
        peak = statistics.median(each["peak"] for each in taken)
        memory = f"{peak / 2**30:.2f} GiB" if peak else ""
        table.append([model, str(size), str(batch), name, f"{statistics.median(speeds):,.0f}", against, memory])
    return table


def measure(model: str, setting: str, options: argparse.Namespace) -> dict[str, float]:
    """Train once in a process, or in several at once, whose speeds are added up.

    Raises:
        RuntimeError: A process failed; the text is the last line that it printed.
    """
    command = [sys.executable, __file__, "--worker", model, setting, "--steps", str(options.steps)]
    command += ["--accelerator", options.accelerator, "--overrides", *options.overrides]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(SETTINGS[setting].jobs)]
    outputs = [worker.communicate() for worker in workers]
    for worker, (_, errors) in zip(workers, outputs, strict=True):
        if worker.returncode:
            raise RuntimeError(next(reversed(errors.strip().splitlines()), f"exit code {worker.returncode}")[:120])
    taken = [json.loads(out.splitlines()[-1]) for out, _ in outputs]
    return {key: sum(each[key] for each in taken) for key in ("speed", "peak")}


def work(model: str, setting: Setting, options: argparse.Namespace) -> None:
    """Train in this process and print images/s and peak memory."""
    size, batch = USUAL[model]
    torch.backends.cudnn.allow_tf32 = setting.tf32
    torch.set_float32_matmul_precision("high" if setting.tf32 else "highest")
    lines = [
        f"model={model}", f"batch_size={batch}", f"trainer={options.accelerator}", "penalty=none", "metrics=none",
        f"trainer.precision={setting.precision}", f"budget.images={(WARM_UP + options.steps) * batch}",
        "callbacks.checkpoint.every=1000000000", *(["loss=ebgan"] if model == "autoencoder" else []),
        *options.overrides,
    ]  # fmt: skip
    config: Any = OmegaConf.to_container(compose("train", lines), resolve=True)
    config["dataset"] = {"_target_": f"{__name__}.RandomImages", "size": size}  # not checked: no stranger wrote it
    watch = Stopwatch(batch, config["budget"]["images"])
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        parts = build(config, RunFolder(folder))
        parts.system.clock = watch
        if setting.compiled:
            for name in ("generator", "discriminator", "encoder"):
                if (network := getattr(parts.system, name, None)) is not None:
                    network.compile()
        parts.trainer.fit(parts.system, datamodule=parts.data)
    peak = torch.cuda.max_memory_allocated() if options.accelerator == "gpu" else 0
    print(json.dumps({"speed": options.steps * batch / (watch.ended - watch.began), "peak": peak}))


class RandomImages(ImageData):
    """4,096 random colour images of ten classes.

    Args:
        size: In pixels.
        seed: Unused.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.size = size

    @property
    def facts(self) -> DataFacts:
        """What networks are built from."""
        return DataFacts("random", self.size, 3, 10, num_images=4096)

    def load(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw the images."""
        shape = (4096, 3, self.size, self.size)
        return torch.randint(256, shape, dtype=torch.uint8), torch.randint(10, (4096,))


class Stopwatch(Clock):
    """A clock that notes when the warm-up and the last step ended, after all that was asked of the device."""

    began = ended = 0.0

    def advance(self) -> None:
        """Count a step."""
        super().advance()
        if self.step == WARM_UP or self.finished:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.began, self.ended = self.ended, time.perf_counter()


def device(accelerator: str) -> str:
    """Name the device."""
    return torch.cuda.get_device_name() if accelerator == "gpu" and torch.cuda.is_available() else accelerator


if __name__ == "__main__":
    main()
