"""Images per second of gan-train's translators against the trainer of pix2pix' and CycleGAN's authors.

    python benchmarks/translation_speed.py --authors pytorch-CycleGAN-and-pix2pix

Needs a copy of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, of which only `models` and `util` are read; or
of https://github.com/taesungp/contrastive-unpaired-translation, with the former's `models/pix2pix_model.py` in it. All
contenders train the same networks with the same batch on random images that lie in memory: pix2pix with the U-Net for
256 pixels, CycleGAN at 128 pixels with six blocks. Each runs in a process of its own that waits while another is
timed, a round is one step or a few. With one thread, seconds are those of the processor.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import harness

IMAGES = 8  # in each domain
SIZES = {"pix2pix": 256, "cyclegan": 128}
CONTENDERS = {
    "authors": [],
    "gan-train": [],
    "gan-train, channels_last": ["model.channels_last=true"],
    "gan-train, bf16-mixed": ["trainer.precision=bf16-mixed"],  # the authors have no mixed precision on a CPU
}
THEIRS = {"pix2pix": ("pix2pix_model", "Pix2PixModel", "unet_256"),
          "cyclegan": ("cycle_gan_model", "CycleGANModel", "resnet_6blocks")}  # fmt: skip
OURS = {"pix2pix": [], "cyclegan": ["model.generator.blocks=6"]}


def main() -> None:
    """Time all contenders in turn and print a table of medians and ratios."""
    parser = harness.parser(__doc__, rounds=5, threads=1)
    parser.add_argument("--authors", type=Path, required=True, help="folder with the authors' code")
    parser.add_argument("--models", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1, help="of a round")
    parser.add_argument("--worker", nargs=2, metavar=("MODEL", "CONTENDER"), help="for the script's own processes")
    options = parser.parse_args()
    if options.worker:
        model, name = options.worker
        sys.stdout = sys.stderr  # what the contenders say of themselves
        (theirs if name == "authors" else ours)(model, name, options)
        return
    lines = harness.heading(f"{options.threads} thread(s)", f"batches of {options.batch}")
    lines += [harness.RATIOS, "", *harness.head("model", "trainer", "images/s", "x authors")]
    for model in options.models:
        same = [f"--{key}={getattr(options, key)}" for key in ("authors", "batch", "steps", "threads")]
        commands = {name: [__file__, *same, "--worker", model, name] for name in CONTENDERS}
        speeds = harness.turns_of_processes(commands, options.rounds, {"OMP_NUM_THREADS": str(options.threads)})
        for name, values in speeds.items():
            ratio = harness.ratio(values, speeds["authors"])
            title = f"{model}, {SIZES[model]} pixels"
            lines.append(harness.row(title, name, f"{statistics.median(values):.3f}", f"{ratio:.2f}"))
    harness.report(lines, options.output)


class Turns:
    """Says how fast each round of steps was, and waits for the next one to be asked for.

    Args:
        options: Of the command line.
    """

    def __init__(self, options: Namespace) -> None:
        import time

        self._now = time.process_time if options.threads == 1 else time.perf_counter
        self._steps, self._images = options.steps, options.steps * options.batch
        self._taken = 0
        self._wait()

    def step(self) -> None:
        """Count a step."""
        self._taken += 1
        if self._taken % self._steps == 0:
            print(self._images / (self._now() - self._began), file=sys.__stdout__, flush=True)
            self._wait()

    def _wait(self) -> None:
        if not sys.stdin.readline():
            sys.exit()
        self._began = self._now()


def images(model: str) -> Any:
    """Return random images, uint8."""
    import torch

    return torch.randint(256, (IMAGES, 3, SIZES[model], SIZES[model]), dtype=torch.uint8)


def theirs(model: str, _: str, options: Namespace) -> None:
    """Train with the authors' code, whose options have the published values."""
    import importlib

    import torch

    sys.path.insert(0, str(options.authors))
    module, name, network = THEIRS[model]
    norm = "batch" if model == "pix2pix" else "instance"
    chosen = Namespace(
        gpu_ids=[], device=torch.device("cpu"), isTrain=True, checkpoints_dir="", name="", preprocess="none", ngf=64,
        ndf=64, input_nc=3, output_nc=3, netG=network, netD="basic", n_layers_D=3, norm=norm, normG=norm, normD=norm,
        no_dropout=model != "pix2pix", init_type="normal", init_gain=0.02, no_antialias=True, no_antialias_up=True,
        pool_size=50 if model == "cyclegan" else 0, gan_mode="lsgan" if model == "cyclegan" else "vanilla", lr=2e-4,
        beta1=0.5, beta2=0.999, direction="AtoB", lambda_L1=100.0, lambda_A=10.0, lambda_B=10.0, lambda_identity=0.5,
        amp=False,
    )  # fmt: skip
    trainer = getattr(importlib.import_module(f"models.{module}"), name)(chosen)
    given = [images(model).float() / 127.5 - 1 for _ in range(2)]
    turns = Turns(options)
    while True:
        a, b = (each[torch.randperm(IMAGES)[: options.batch]] for each in given)
        trainer.set_input({"A": a, "B": b, "A_paths": [], "B_paths": []})
        trainer.optimize_parameters()
        turns.step()


def ours(model: str, name: str, options: Namespace) -> None:
    """Train with gan-train's loop, with its logging and its guard against divergence."""
    from omegaconf import OmegaConf

    from gan_experiments.config.compose import compose
    from gan_experiments.core.clock import Clock
    from gan_experiments.core.types import DataFacts
    from gan_experiments.data.base import ImageData
    from gan_experiments.data.inputs import Inputs, StoredInputs
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training import build as building

    class RandomImages(ImageData):
        facts = DataFacts("random", SIZES[model], 3, num_images=IMAGES)

        def __init__(self) -> None:
            super().__init__()
            self.inputs = Inputs(self, 3, model == "pix2pix", load=lambda: StoredInputs(images(model)))

        def load(self) -> tuple[Any, None]:
            return images(model), None

    class Paced(Clock):
        def advance(self) -> None:
            super().advance()
            turns.step()

    construct = building.construct
    building.construct = lambda node, *key, **available: (
        RandomImages() if node["_target_"].endswith("Digits") else construct(node, *key, **available)
    )
    building.Clock = Paced
    given = [*OURS[model], *CONTENDERS[name], f"batch_size={options.batch}", "metrics=none", "callbacks=none"]
    config = compose("train", [f"experiment={model}", "dataset=digits", "budget.images=1000000", *given])
    with tempfile.TemporaryDirectory() as folder:
        parts = building.build(OmegaConf.to_container(config, resolve=True), RunFolder(Path(folder)))
        turns = Turns(options)
        parts.trainer.fit(parts.system, datamodule=parts.data)


if __name__ == "__main__":
    main()
