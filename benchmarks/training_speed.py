"""Images per second of gan-train's loop against hand-written loops, interleaved on one machine.

    python benchmarks/training_speed.py --rounds 5 --output benchmarks/results/training_speed.md

Every contender runs in a process of its own that waits while another is timed. All of them train the same networks with
Adam on random images or points that lie in memory. `naive` is what most people write; `best` is the fastest loop we
know for the same algorithm and the average of the generator; `shared fakes` lets the generator learn from the
discriminator's fakes, which is another algorithm (model.share_fakes=true here). In bf16 the best loop casts the weights
of the discriminator once for real images and fakes and adds their gradients up in bf16; `casts in each pass` adds them
up in float32, as `gan-train` does, which logs, shows its bar and guards against divergence. What a run does once
belongs to its start and is not timed: memory is claimed in the first steps, and the first row of values looks at the
real images. `and Lightning imported` shows what that import costs a loop on a machine without a GPU: every step of an
optimizer then searches twice for the library of the driver (PYTORCH_NVML_BASED_CUDA_CHECK, which gan-train takes
back). Two processes of one loop differ by several percent, so ``--restarts`` has each start that often. With one
thread, seconds are those of the processor, which other programs change less.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import harness

BATCH = 128
CONTENDERS = {
    "naive": {},
    "best": {},
    "best, and Lightning imported": {"imports": True},
    "best, shared fakes": {"share": True},
    "best, bf16": {"bf16": True},
    "best, bf16, casts in each pass": {"bf16": True, "cache": False},
    "gan-train": {"ours": True},
    "gan-train, shared fakes": {"ours": True, "share": True},
    "gan-train, bf16": {"ours": True, "bf16": True},
}
STEPS = {"points": 390, "mlp": 39, "dcgan": 39}  # whole intervals between rows of metrics.csv
WARM_UP = {"points": 41, "mlp": 41, "dcgan": 20}  # steps of a new run that are not timed; the first row is after 40
IMAGES = 10**9  # of a run, which is never ended
SIZES = {"points": 1, "mlp": 28, "dcgan": 32}


def main() -> None:
    """Time all contenders in turn and print a table of medians and ratios."""
    parser = harness.parser(__doc__, rounds=5)
    parser.add_argument("--models", nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--threads", type=int, default=None, help="default: all cores for dcgan, else 1")
    parser.add_argument("--restarts", type=int, default=1, help="processes of each contender, one after the other")
    parser.add_argument("--worker", nargs=2, metavar=("MODEL", "CONTENDER"), help="for the script's own processes")
    options = parser.parse_args()
    if options.worker:
        work(*options.worker)
        return
    lines = [*harness.heading(), harness.RATIOS, ""]
    for model in options.models:
        threads = options.threads or (os.cpu_count() if model == "dcgan" else 1)
        lines += table(model, measure(model, options.rounds, threads, options.restarts), threads)
    harness.report(lines, options.output)


def measure(model: str, rounds: int, threads: int | None, restarts: int = 1) -> dict[str, list[float]]:
    """Return images/s of each contender in each round of each of its processes."""
    commands = {name: [__file__, "--worker", model, name] for name in CONTENDERS}
    speeds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(restarts):
        for name, values in harness.turns_of_processes(commands, rounds, {"OMP_NUM_THREADS": str(threads)}).items():
            speeds[name] += values
    return speeds


def table(model: str, speeds: dict[str, list[float]], threads: int | None) -> list[str]:
    """Format medians, and the median of each round's ratio to the naive loop and to the best one of its kind."""
    size = SIZES[model]
    lines = [f"## {model}, {size}x{size}, batch {BATCH}, {threads} thread(s)", ""]
    lines += harness.head("loop", "images/s", "x naive", "x best of its kind")
    for name, values in speeds.items():
        kind = [mark for mark in ("shared fakes", "bf16") if mark in name]
        best = speeds[", ".join(["best", *kind])]
        ratios = (f"{harness.ratio(values, others):.2f}" for others in (speeds["naive"], best))
        lines.append(harness.row(name, f"{statistics.median(values):,.0f}", *ratios))
    return [*lines, ""]


def work(model: str, name: str) -> None:
    """Time one segment of a contender for every line on standard input."""
    options = dict(CONTENDERS[name])
    loop = ours if options.pop("ours", False) else bare
    harness.serve(loop(model, name == "naive", **options))


def images(model: str) -> Any:
    """Return 60,000 random gray images, uint8, or points."""
    import torch

    if model == "points":
        return torch.rand(60000, 2, 1, 1) * 2 - 1
    return torch.randint(256, (60000, 1, SIZES[model], SIZES[model]), dtype=torch.uint8)


def networks(model: str) -> tuple[Any, Any]:
    """Build the pair of networks that all contenders train."""
    from gan_experiments.core.types import DataFacts
    from gan_experiments.networks import dcgan, mlp

    facts = DataFacts("random", SIZES[model], 2 if model == "points" else 1)
    if model != "dcgan":
        return mlp.MLPGenerator(facts), mlp.MLPDiscriminator(facts)
    return dcgan.DCGANGenerator(facts), dcgan.DCGANDiscriminator(facts)


def bare(
    model: str, naive: bool, share: bool = False, bf16: bool = False, cache: bool = True, imports: bool = False
) -> Callable[[], float]:
    """Return a plain PyTorch loop over one segment.

    ``cache``: bf16 weights serve both passes of a step; ``imports``: Lightning is imported, too.
    """
    if imports:
        import pytorch_lightning  # noqa: F401
    import torch
    from torch.nn.functional import softplus

    data = images(model)
    generator, discriminator = networks(model)
    layout = torch.channels_last if model == "dcgan" and not naive else torch.contiguous_format
    generator, discriminator = generator.to(memory_format=layout), discriminator.to(memory_format=layout)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=None if naive else True)
        for network in (generator, discriminator)
    ]
    averages, weights = ([weight.detach().clone() for weight in generator.parameters()], list(generator.parameters()))

    def step(chosen: torch.Tensor) -> None:
        real = data[chosen]
        if not real.is_floating_point():
            real = real.to(torch.float32).div_(127.5).sub_(1.0).to(memory_format=layout)
        with torch.set_grad_enabled(naive or share):
            fake = generator(torch.randn(BATCH, 100))
        loss = softplus(-discriminator(real).float()).mean() + softplus(discriminator(fake.detach()).float()).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        if not naive:
            discriminator.requires_grad_(False)
        if not share:
            fake = generator(torch.randn(BATCH, 100))
        loss = softplus(-discriminator(fake).float()).mean()
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        discriminator.requires_grad_(True)
        if not naive:
            with torch.no_grad():
                torch._foreach_lerp_(averages, weights, 0.01)

    def segment() -> float:
        order = torch.randperm(len(data))
        began = seconds(model)
        for index in range(STEPS[model]):
            start = index * BATCH % (len(data) - BATCH)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16, cache_enabled=cache):
                step(order[start : start + BATCH])
        return STEPS[model] * BATCH / (seconds(model) - began)

    return segment


def ours(model: str, naive: bool, share: bool = False, bf16: bool = False) -> Callable[[], float]:
    """Return the loop of gan-train over one segment, with its logging, bar and guard.

    All segments are of one run, which waits between them.
    """
    import tempfile

    from omegaconf import OmegaConf

    from gan_experiments.config.compose import compose
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training import build as building

    sys.stderr = _Terminal()
    data_type = _data_type(model)
    network = "mlp" if model == "points" else model
    config = OmegaConf.to_container(
        compose("train", [
            f"model={network}", f"model.share_fakes={str(share).lower()}", f"batch_size={BATCH}", "metrics=none",
            "penalty=none", f"budget.images={IMAGES}", "callbacks.checkpoint.every=1000000000",
            "callbacks.samples.every=1000000000", f"trainer.precision={'bf16-mixed' if bf16 else '32-true'}",
        ]),
        resolve=True,
    )  # fmt: skip
    building_construct = building.construct

    def construct(node: dict[str, Any], *key: str, **available: Any) -> Any:
        return data_type() if "data" in node["_target_"].split(".") else building_construct(node, *key, **available)

    turns = _Turns()
    building.construct = construct
    building.Clock = _clock(model, turns)

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            parts = building.build(config, RunFolder(folder))
            parts.trainer.fit(parts.system, datamodule=parts.data)

    threading.Thread(target=run, name="gan-train", daemon=True).start()
    return lambda: STEPS[model] * BATCH / turns.take()


class _Turns:
    """Lets a run go on for a segment and returns its seconds, while the run waits at its end."""

    def __init__(self) -> None:
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._taken = 0.0

    def take(self) -> float:
        self._go.release()
        self._done.acquire()
        return self._taken

    def wait(self) -> None:
        self._go.acquire()

    def end(self, taken: float) -> None:
        self._taken = taken
        self._done.release()


def _data_type(model: str) -> type:
    from gan_experiments.core.types import DataFacts
    from gan_experiments.data.base import ImageData

    class RandomImages(ImageData):
        facts = DataFacts("random", SIZES[model], 2 if model == "points" else 1, num_images=60000)

        def load(self) -> tuple[Any, None]:
            return images(model), None

    return RandomImages


def _clock(model: str, turns: _Turns) -> Any:
    """Return a clock that ends a segment every ``STEPS``, after a warm-up: memory is claimed in the first steps.

    A callback would not do: a run whose steps somebody watches is slower.
    """
    from gan_experiments.core.clock import Clock

    class Timed(Clock):
        began = 0.0

        def advance(self) -> None:
            super().advance()
            if self.step >= WARM_UP[model] and (self.step - WARM_UP[model]) % STEPS[model] == 0:
                if self.step > WARM_UP[model]:
                    turns.end(seconds(model) - self.began)
                if not self.finished:
                    turns.wait()
                self.began = seconds(model)

    return Timed


def seconds(model: str) -> float:
    """Return the time of the machine; of the processor for a model that is measured with one thread."""
    return time.perf_counter() if model == "dcgan" else time.process_time()


class _Terminal:
    """A terminal that nobody looks at: the bar draws on it."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass

    def __iter__(self) -> Iterator[str]:
        return iter(())


if __name__ == "__main__":
    main()
