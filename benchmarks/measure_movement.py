"""Sensitivity of every metric to corrupted images: blur, noise, dropped classes, duplicates, copies, wrong labels.

    python benchmarks/measure_movement.py dataset=mnist --output benchmarks/results/measure_movement.md \
        --plot docs/images/measure_movement.png

Three disjoint draws of a labelled dataset are the training set, a held-out set, and the samples of a perfect generator.
The last is corrupted in four steps and compared with the first, in the features of the native classifier.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import harness
import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gan_experiments.config.compose import compose
from gan_experiments.core.randomness import Stream
from gan_experiments.data.base import ImageData
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.metrics.functional import (
    ClassifierTraining,
    LabelledImages,
    authenticity,
    class_wise_frechet_distances,
    classification_accuracy_score,
    data_copying,
    fit_gaussian,
    frechet_distance,
    gaussian_mmd,
    inception_score,
    kernel_distance,
    precision_recall_curve,
    precision_recall_density_coverage,
    vendi_score,
)
from gan_experiments.training.build import construct

TRAINING_IMAGES = 20000  # of the classifier of the classification accuracy score
UP, DOWN, STILL = "up", "down", "still"
WORSE = {
    "fid": UP,
    "kid": UP,
    "cmmd": UP,
    "authpct": UP,
    "is": DOWN,
    "precision": DOWN,
    "density": DOWN,
    "coverage": DOWN,
}
FEWER = {"fid": UP, "kid": UP, "cmmd": UP, "prd recall": DOWN, "recall": DOWN, "coverage": DOWN}


@dataclass
class Draws:
    """The three draws, and the remaining images, from which images of kept classes are taken."""

    training: LabelledImages
    held_out: LabelledImages
    perfect: LabelledImages
    rest: LabelledImages


@dataclass
class Corruption:
    """A way to corrupt images in steps, and the direction in which it must move metrics from first to last step."""

    name: str
    steps: list[float]
    corrupt: Callable[[Draws, float], LabelledImages]
    moves: dict[str, str]


def blur(draws: Draws, sigma: float) -> LabelledImages:
    """Blur with a Gaussian kernel; ``sigma`` in pixels."""
    images = gaussian_blur(draws.perfect.images, 2 * math.ceil(3 * sigma) + 1, sigma)
    return LabelledImages(images, draws.perfect.labels)


def noise(draws: Draws, deviation: float) -> LabelledImages:
    """Add white noise; its standard deviation in grey levels."""
    images = draws.perfect.images
    drawn = deviation * Stream("movement", "noise").normal(*images.shape)
    return LabelledImages((images + drawn).round().clamp(0, 255).to(torch.uint8), draws.perfect.labels)


def drop(draws: Draws, classes: float) -> LabelledImages:
    """Leave out the first classes; more images of the others keep the total."""
    pool = draws.perfect + draws.rest
    kept = (pool.labels >= classes).nonzero()[: len(draws.perfect), 0]
    return LabelledImages(pool.images[kept], pool.labels[kept])


def duplicate(draws: Draws, times: float) -> LabelledImages:
    """Repeat each of fewer images several times."""
    items = torch.arange(len(draws.perfect)) // int(times)
    return LabelledImages(draws.perfect.images[items], draws.perfect.labels[items])


def copy(draws: Draws, share: float) -> LabelledImages:
    """Replace a share of the new images by images of the training set."""
    count = round(share * len(draws.perfect))
    images = torch.cat([draws.training.images[:count], draws.perfect.images[count:]])
    return LabelledImages(images, torch.cat([draws.training.labels[:count], draws.perfect.labels[count:]]))


def mislabel(draws: Draws, share: float) -> LabelledImages:
    """Permute the labels of a share of the images."""
    count = round(share * len(draws.perfect))
    labels = draws.perfect.labels.clone()
    labels[:count] = labels[:count][Stream("movement", "labels").permutation(count)]
    return LabelledImages(draws.perfect.images, labels)


CORRUPTIONS = [
    Corruption(
        "blur, pixels", [0, 0.4, 0.6, 0.8, 1.2], blur, {**WORSE, "prd precision": DOWN, "vendi": DOWN, "cas": DOWN}
    ),
    Corruption("noise, grey levels", [0, 4, 8, 16, 32], noise, WORSE),
    Corruption(
        "classes dropped", [0, 2, 4, 6, 8], drop, {**FEWER, "vendi": DOWN, "is": DOWN, "cas": DOWN, "precision": STILL}
    ),
    Corruption("times each image", [1, 2, 5, 20, 100], duplicate, {**FEWER, "precision": STILL}),
    Corruption(
        "share copied", [0, 0.25, 0.5, 0.75, 1], copy, {"copying": UP, "authpct": DOWN, "fid": DOWN, "precision": UP}
    ),
    Corruption(
        "share mislabelled", [0, 0.25, 0.5, 0.75, 1], mislabel, {"class-wise fid": UP, "cas": DOWN, "fid": STILL}
    ),
]


class AllMetrics:
    """All metrics of a set of images, in the features of one extractor."""

    def __init__(self, data: ImageData, draws: Draws) -> None:
        self.classes = data.facts.num_classes
        self.extractor = NativeClassifier()
        self.extractor.prepare(data)
        self.draws = draws
        self.training = self.features(draws.training)[0]
        self.held_out = self.features(draws.held_out)[0]

    def features(self, images: LabelledImages) -> tuple[Tensor, Tensor]:
        """Return features and logits, float64."""
        with torch.no_grad():
            outputs = [self.extractor(part) for part in images.images.split(500)]
        features, logits = (torch.cat(parts).double() for parts in zip(*outputs, strict=True))
        return features, logits

    def measure(self, images: LabelledImages) -> dict[str, float]:
        """Return every metric by name; the class-wise FID is NaN if a class has no images."""
        features, logits = self.features(images)
        values = {
            "fid": frechet_distance(fit_gaussian(self.training), fit_gaussian(features)),
            "kid": kernel_distance(self.training, features, 0, subset_size=min(1000, len(features)))[0],
            "is": inception_score(logits, seed=0)[0],
            **precision_recall_density_coverage(self.training, features).means(),
            "cmmd": gaussian_mmd(self.training, features).distance,
            "vendi": vendi_score(features),
            "prd precision": (curve := precision_recall_curve(self.training, features, 0)).f_precision,
            "prd recall": curve.f_recall,
            "authpct": 100 * authenticity(self.training, features).double().mean().item(),
            "copying": data_copying(self.training, self.held_out, features).probability,
            "class-wise fid": float("nan"),
        }
        if images.labels.unique().numel() == self.classes:
            distances = class_wise_frechet_distances(
                self.training, self.draws.training.labels, features, images.labels, self.classes
            )
            values["class-wise fid"] = sum(distances) / self.classes
        training = ClassifierTraining(images_shown=TRAINING_IMAGES)
        correct = classification_accuracy_score(images, self.draws.held_out, self.classes, training)
        return {**values, "cas": correct.mean().item()}


def main() -> None:
    """Measure every step of every corruption, print a table of the first and last steps, plot all of them."""
    parser = harness.parser(__doc__)
    parser.add_argument("overrides", nargs="*", default=["dataset=mnist"], help="which dataset, as for gan-train")
    parser.add_argument("--images", type=int, default=5000, help="of each of the three draws")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    config = OmegaConf.to_container(compose("train", options.overrides).dataset)
    data: ImageData = construct(config, seed=0)  # type: ignore[arg-type]
    data.prepare_data()
    draws = draw(data, options.images)
    metrics = AllMetrics(data, draws)
    perfect = metrics.measure(draws.perfect)
    results = {}
    for corruption in CORRUPTIONS:
        corrupted = [metrics.measure(corruption.corrupt(draws, step)) for step in corruption.steps[1:]]
        results[corruption.name] = [perfect, *corrupted]
        print(corruption.name, file=sys.stderr, flush=True)
    harness.report([*harness.heading(), *table(results)], options.output)
    if options.plot:
        plot(results).savefig(options.plot, dpi=110)


def draw(data: ImageData, count: int) -> Draws:
    """Return three draws of ``count`` images each."""
    if data.labels is None or len(data.images) < 3 * count:
        sys.exit(f"{data.facts.name} has too few images, or no labels: {3 * count} labelled ones are needed")
    order = Stream("movement", "draws").permutation(len(data.images))
    parts = torch.tensor_split(order, [count, 2 * count, 3 * count])
    return Draws(*(LabelledImages(data.images[part], data.labels[part]) for part in parts))


def moved(values: list[dict[str, float]], metric: str, direction: str) -> bool:
    """Return whether a metric has moved in a direction by more than 5 %, or by less if it must not move."""
    first, last = values[0][metric], values[-1][metric]
    change = (last - first) / max(abs(first), 0.02)
    return {UP: change > 0.05, DOWN: change < -0.05, STILL: abs(change) <= 0.05}[direction]


def table(results: dict[str, list[dict[str, float]]]) -> list[str]:
    """Format the values of the last steps, with an arrow where one must move, and whether all do."""
    first = next(iter(results.values()))[0]
    arrows = {UP: "↑", DOWN: "↓", STILL: "="}
    lines = [f"| images | {' | '.join(first)} | as expected |", "|---" * (len(first) + 2) + "|"]
    lines.append(f"| as they are | {' | '.join(number(value) for value in first.values())} | |")
    for corruption in CORRUPTIONS:
        values, moves = results[corruption.name], corruption.moves
        cells = [f"{number(values[-1][name])} {arrows.get(moves.get(name, ''), '')}".strip() for name in first]
        verdict = "yes" if all(moved(values, *move) for move in moves.items()) else "no"
        lines.append(f"| {corruption.name}: {corruption.steps[-1]:g} | {' | '.join(cells)} | {verdict} |")
    return lines


def number(value: float) -> str:
    """Format with three digits; a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


ROWS = [
    ("fid", "class-wise fid"),
    ("is", "vendi"),
    ("precision", "recall"),
    ("density", "coverage"),
    ("prd precision", "prd recall"),
    ("copying", "cas"),
]


def plot(results: dict[str, list[dict[str, float]]]) -> Figure:
    """Plot every metric over the steps: a column for each corruption, a row for metrics of one scale."""
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 9.5), layout="constrained")
        panels = figure.subplots(len(ROWS), len(CORRUPTIONS), sharex="col", sharey="row")
        for corruption, column in zip(CORRUPTIONS, panels.T, strict=True):
            for names, panel in zip(ROWS, column, strict=True):
                for name, line, colour in zip(names, ("o-", "s--"), ("#0072B2", "#D55E00"), strict=False):
                    panel.plot(
                        [values[name] for values in results[corruption.name]], line, color=colour, label=name, ms=3
                    )
                panel.grid(alpha=0.3)
                panel.set_xticks(range(len(corruption.steps)), [f"{step:g}" for step in corruption.steps])
            column[-1].set_xlabel(corruption.name)
        for names, row in zip(ROWS, panels, strict=True):
            if "fid" in names:
                row[0].set_yscale("symlog", linthresh=0.01)
                row[0].set_ylim(bottom=-0.002)
            row[0].legend(frameon=False, loc="best")
        return figure


if __name__ == "__main__":
    main()
