"""Speed and peak memory of every feature extractor, and of torch-fidelity, torchmetrics and pytorch-fid.

    python benchmarks/extractors.py --rounds 5 --output benchmarks/results/extractors.md

The last needs `pip install pytorch-fid`. All Inception networks have the same random weights. Each extractor runs in a
process of its own on the same images; batches of the extractors are interleaved. Memory is the peak of the extraction
beyond the loaded network.
"""

from __future__ import annotations

import argparse
import ctypes
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import harness
import torch
from torch import Tensor, nn

from gan_experiments.core.types import DataFacts
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.training.build import construct

Extract = Callable[[Tensor], Tensor]
REFERENCE = "torch-fidelity"


def main() -> None:
    """Time all extractors in turn and print a table."""
    parser = harness.parser(__doc__, rounds=5, threads=1)
    parser.add_argument("--extractors", nargs="+", default=list(EXTRACTORS), choices=EXTRACTORS, metavar="NAME")
    parser.add_argument("--batch", type=int, default=64, help="images given at a time: torch-fidelity's default")
    parser.add_argument("--size", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--worker", nargs=2, metavar=("NAME", "FOLDER"), help="for the script's own processes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.worker:
        work(options.worker[0], Path(options.worker[1]), options)
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.save(random_weights(), Path(folder) / "inception.pth")
        lines = table(run(options, folder), Path(folder), options)
    size = f"{options.size}x{options.size}"
    about = harness.heading(f"{options.threads} thread(s)", options.device, size, f"batch {options.batch}")
    harness.report([*about, *lines], options.output)


def run(options: argparse.Namespace, folder: str) -> dict[str, list[float]]:
    """Return the seconds of each extractor in each round, after a warm-up round."""
    commands = {name: [*sys.argv, "--worker", name, folder] for name in options.extractors}
    return harness.turns_of_processes(commands, options.rounds)


def work(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Extract a batch for every line of the input and print the seconds; save features and peak memory at the end."""
    shape = (options.batch, 3, options.size, options.size)
    images = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images = images.to(options.device)
    extract = EXTRACTORS[name](folder, options.device)
    before = reset_peak(options.device)
    features = torch.empty(0)

    def segment() -> float:
        nonlocal features
        began = time.perf_counter()
        features = extract(images).cpu()
        return time.perf_counter() - began

    with torch.no_grad():
        harness.serve(segment)
    torch.save((features, peak(options.device) - before), folder / f"{name}.pth")


def reset_peak(device: str) -> float:
    """Reset the peak memory; return the memory in use, in MiB."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    ctypes.CDLL(None).malloc_trim(0)  # returns memory freed during preparation to the system
    Path("/proc/self/clear_refs").write_text("5")
    return peak(device)


def peak(device: str) -> float:
    """Return the peak memory since the reset, in MiB."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return int(status["VmHWM"].split()[0]) / 1024


def table(seconds: dict[str, list[float]], folder: Path, options: argparse.Namespace) -> list[str]:
    """Format speed, ratio to torch-fidelity, memory, and the largest difference from torch-fidelity's features."""
    outputs = {name: torch.load(folder / f"{name}.pth") for name in seconds}
    lines = harness.head(
        "extractor", "images/s", f"x {REFERENCE}", "peak memory, MiB", "largest difference of a feature, relative"
    )
    reference = outputs.get(REFERENCE, (None, 0))[0]
    for name, taken in seconds.items():
        features, memory = outputs[name]
        ratio = off = ""
        if reference is not None:
            ratio = f"{harness.ratio(seconds[REFERENCE], taken):.2f}"
        if reference is not None and features.shape == reference.shape:
            size = reference.norm(dim=0)
            alive = size > 1e-3 * size.median()  # features that are 0 for all images have no relative difference
            off = f"{((features - reference).norm(dim=0) / size)[alive].max():.0e}"
        speed = options.batch / statistics.median(taken)
        lines.append(f"| {name} | {speed:,.1f} | {ratio} | {memory:,.0f} | {off} |")
    return lines


def fidelity(weights: Any) -> nn.Module:
    """Return torch-fidelity's network with the weights of a file, or with its initial ones."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Blank(FeatureExtractorInceptionV3):
        """Keeps its initial weights."""

        def load_state_dict(self, *_: Any) -> None:
            """Load nothing."""

    if weights is not None:
        return FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=weights)
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    return Blank("inception", ["2048"], feature_extractor_weights_path=nothing)


def random_weights() -> dict[str, Tensor]:
    """Return random weights that preserve the variance of activations."""
    torch.manual_seed(0)
    network = fidelity(None)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return network.state_dict()


def of_torch_fidelity(folder: Path, device: str) -> Extract:
    """Extract as torch-fidelity does."""
    network = fidelity(folder / "inception.pth").to(device)
    return lambda images: network(images)[0]


def of_torchmetrics(folder: Path, device: str) -> Extract:
    """Extract as torchmetrics does by default, with another resize filter."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    path = str(folder / "inception.pth")
    network = FrechetInceptionDistance(2048, feature_extractor_weights_path=path).inception.to(device)
    return lambda images: network(images)


def of_pytorch_fid(folder: Path, device: str) -> Extract:
    """Extract as pytorch-fid does, with a third resize filter."""
    from pytorch_fid import inception

    weights = torch.load(folder / "inception.pth")
    inception.load_state_dict_from_url = lambda *_, **__: weights
    network = inception.InceptionV3().eval().to(device)
    return lambda images: network(images / 255)[0].flatten(1)


def of_inception(**options: Any) -> Callable[[Path, str], Extract]:
    """Extract with this project's Inception."""

    def prepared(folder: Path, device: str) -> Extract:
        node = {
            "_target_": "gan_experiments.metrics.extractors.inception.Inception",
            "weights": str(folder / "inception.pth"),
        }
        extractor = construct({**node, **options})
        extractor.prepare(source(labelled=False))
        extractor.to(device)
        return lambda images: extractor(images)[0].float()

    return prepared


def of_native(folder: Path, device: str) -> Extract:
    """Extract with this project's small classifier."""
    extractor = NativeClassifier(training_images=128, cache_dir=str(folder))
    extractor.prepare(source(labelled=True))  # type: ignore[arg-type]
    extractor.to(device)
    return lambda images: extractor(images)[0]


def source(labelled: bool) -> SimpleNamespace:
    """Return a dataset of random images."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (500, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (500,), generator=generator) if labelled else None
    facts = DataFacts("random", 32, 3, num_classes=10 * labelled)
    return SimpleNamespace(facts=facts, images=images, labels=labels, fingerprint="random")


EXTRACTORS: dict[str, Callable[[Path, str], Extract]] = {
    REFERENCE: of_torch_fidelity,
    "torchmetrics": of_torchmetrics,
    "pytorch-fid": of_pytorch_fid,
    "inception": of_inception(),
    "inception, antialiased": of_inception(resize="antialiased"),
    "inception, bfloat16": of_inception(precision="bfloat16"),
    "native": of_native,
}


if __name__ == "__main__":
    main()
