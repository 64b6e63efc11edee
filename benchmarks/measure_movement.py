"""How every measure moves when real images are spoiled: blur, noise, dropped classes, duplicates, copies, wrong labels.

    python benchmarks/measure_movement.py dataset=mnist --output benchmarks/results/measure_movement.md \
        --plot docs/images/measure_movement.png

Three disjoint draws of a labelled dataset are the training set, a held-out set, and what a perfect generator would
give. The last is spoiled in four steps and measured against the first, in the features of the native classifier.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gan_experiments.config.compose import compose
from gan_experiments.core.randomness import Stream
from gan_experiments.data.base import ImageData
from gan_experiments.metrics.classification import LabelledImages, Training, classification_accuracy_score
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.metrics.functional.class_wise_frechet import ClassMoments, class_wise_frechet_distances
from gan_experiments.metrics.functional.data_copying import data_copying
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.inception_score import inception_score
from gan_experiments.metrics.functional.kernel_distance import kernel_distance
from gan_experiments.metrics.functional.precision_recall import manifold
from gan_experiments.metrics.moments import Moments
from gan_experiments.training.build import construct

SHOWN = 20000  # images that a classifier learns from, for the classification accuracy score
UP, DOWN, STILL = "up", "down", "still"
WORSE = {"fid": UP, "kid": UP, "is": DOWN, "precision": DOWN, "density": DOWN, "coverage": DOWN}
FEWER = {"fid": UP, "kid": UP, "recall": DOWN, "coverage": DOWN}


@dataclass
class Draws:
    """The three draws, and all that is left, from which images of kept classes are taken."""

    training: LabelledImages
    held_out: LabelledImages
    perfect: LabelledImages
    rest: LabelledImages


@dataclass
class Spoiling:
    """A way to spoil images, step by step, and where it must move the measures from the first step to the last."""

    name: str
    steps: list[float]
    spoil: Callable[[Draws, float], LabelledImages]
    moves: dict[str, str]


def blur(draws: Draws, sigma: float) -> LabelledImages:
    """Blur with a normal kernel; its standard deviation in pixels."""
    images = gaussian_blur(draws.perfect.images, 2 * math.ceil(3 * sigma) + 1, sigma)
    return LabelledImages(images, draws.perfect.labels)


def noise(draws: Draws, deviation: float) -> LabelledImages:
    """Add white noise, in grey levels."""
    images = draws.perfect.images
    drawn = deviation * Stream("movement", "noise").normal(*images.shape)
    return LabelledImages((images + drawn).round().clamp(0, 255).to(torch.uint8), draws.perfect.labels)


def drop(draws: Draws, classes: float) -> LabelledImages:
    """Leave out some classes; the others make up for them, with images of their own."""
    pool = draws.perfect + draws.rest
    kept = (pool.labels >= classes).nonzero()[: len(draws.perfect), 0]
    return LabelledImages(pool.images[kept], pool.labels[kept])


def duplicate(draws: Draws, times: float) -> LabelledImages:
    """Have each of fewer images several times."""
    items = torch.arange(len(draws.perfect)) // int(times)
    return LabelledImages(draws.perfect.images[items], draws.perfect.labels[items])


def copy(draws: Draws, share: float) -> LabelledImages:
    """Put images of the training set in the place of a share of the new ones."""
    count = round(share * len(draws.perfect))
    images = torch.cat([draws.training.images[:count], draws.perfect.images[count:]])
    return LabelledImages(images, torch.cat([draws.training.labels[:count], draws.perfect.labels[count:]]))


def mislabel(draws: Draws, share: float) -> LabelledImages:
    """Exchange the labels of a share of the images among them."""
    count = round(share * len(draws.perfect))
    labels = draws.perfect.labels.clone()
    labels[:count] = labels[:count][Stream("movement", "labels").permutation(count)]
    return LabelledImages(draws.perfect.images, labels)


SPOILINGS = [
    Spoiling("blur, pixels", [0, 0.4, 0.6, 0.8, 1.2], blur, {**WORSE, "cas": DOWN}),
    Spoiling("noise, grey levels", [0, 4, 8, 16, 32], noise, WORSE),
    Spoiling("classes dropped", [0, 2, 4, 6, 8], drop, {**FEWER, "is": DOWN, "cas": DOWN, "precision": STILL}),
    Spoiling("times each image", [1, 2, 5, 20, 100], duplicate, {**FEWER, "precision": STILL}),
    Spoiling("share copied", [0, 0.25, 0.5, 0.75, 1], copy, {"copying": UP, "fid": DOWN, "precision": UP}),
    Spoiling("share mislabelled", [0, 0.25, 0.5, 0.75, 1], mislabel, {"class-wise fid": UP, "cas": DOWN, "fid": STILL}),
]


class Ruler:
    """All measures of spoiled images, in the features of one extractor."""

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
            found = [self.extractor(part) for part in images.images.split(500)]
        features, logits = (torch.cat(parts).double() for parts in zip(*found, strict=True))
        return features, logits

    def measure(self, images: LabelledImages) -> dict[str, float]:
        """Return every measure by name; a class without images has no distance."""
        features, logits = self.features(images)
        values = {
            "fid": frechet_distance(moments(self.training).gaussian(), moments(features).gaussian()),
            "kid": kernel_distance(self.training, features, 0)[0],
            "is": inception_score(logits, seed=0)[0],
            **manifold(self.training, features).values(),
            "copying": data_copying(self.training, self.held_out, features).probability,
            "class-wise fid": float("nan"),
        }
        if images.labels.unique().numel() == self.classes:
            both = (self.training, self.draws.training.labels), (features, images.labels)
            distances = class_wise_frechet_distances(*(by_class(*side, self.classes) for side in both))
            values["class-wise fid"] = sum(distances) / self.classes
        right = classification_accuracy_score(images, self.draws.held_out, self.classes, Training(images_shown=SHOWN))
        return {**values, "cas": right.mean().item()}


def moments(features: Tensor) -> Moments:
    """Return the moments of features ``(N, D)``."""
    found = Moments(features.shape[1])
    found.update(features)
    return found


def by_class(features: Tensor, labels: Tensor, classes: int) -> ClassMoments:
    """Return the moments of features ``(N, D)`` by their labels ``(N,)``."""
    found = ClassMoments(classes, features.shape[1])
    found.update(features, labels)
    return found


def main() -> None:
    """Measure every step of every way, print a table of the first and the last ones, draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", default=["dataset=mnist"], help="which dataset, as for gan-train")
    parser.add_argument("--images", type=int, default=5000, help="of each of the three draws")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    config = OmegaConf.to_container(compose("train", options.overrides).dataset)
    data: ImageData = construct(config, seed=0)  # type: ignore[arg-type]
    data.prepare_data()
    draws = draw(data, options.images)
    ruler = Ruler(data, draws)
    perfect = ruler.measure(draws.perfect)
    found = {}
    for way in SPOILINGS:
        spoiled = [ruler.measure(way.spoil(draws, step)) for step in way.steps[1:]]
        found[way.name] = [perfect, *spoiled]
        print(way.name, file=sys.stderr, flush=True)
    text = "\n".join([f"`python {sys.argv[0]} dataset={data.facts.name}`", "", *table(found)])
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    if options.plot:
        plot(found).savefig(options.plot, dpi=110)


def draw(data: ImageData, count: int) -> Draws:
    """Return three draws of ``count`` images each."""
    if data.labels is None or len(data.images) < 3 * count:
        sys.exit(f"{data.facts.name} has too few images, or no labels: {3 * count} labelled ones are needed")
    order = Stream("movement", "draws").permutation(len(data.images))
    parts = torch.tensor_split(order, [count, 2 * count, 3 * count])
    return Draws(*(LabelledImages(data.images[part], data.labels[part]) for part in parts))


def moved(values: list[dict[str, float]], measure: str, direction: str) -> bool:
    """Tell whether a measure has moved as it must: by more than a twentieth, or not."""
    first, last = values[0][measure], values[-1][measure]
    change = (last - first) / max(abs(first), 0.02)
    return {UP: change > 0.05, DOWN: change < -0.05, STILL: abs(change) <= 0.05}[direction]


def table(found: dict[str, list[dict[str, float]]]) -> list[str]:
    """Format the last steps, each value that must move with an arrow, and whether it does."""
    first = next(iter(found.values()))[0]
    arrows = {UP: "↑", DOWN: "↓", STILL: "="}
    lines = [f"| images | {' | '.join(first)} | as it must |", "|---" * (len(first) + 2) + "|"]
    lines.append(f"| as they are | {' | '.join(number(value) for value in first.values())} | |")
    for way in SPOILINGS:
        values = found[way.name]
        cells = [f"{number(values[-1][name])} {arrows.get(way.moves.get(name, ''), '')}".strip() for name in first]
        verdict = all(moved(values, *move) for move in way.moves.items())
        lines.append(f"| {way.name}: {way.steps[-1]:g} | {' | '.join(cells)} | {'yes' if verdict else 'no'} |")
    return lines


def number(value: float) -> str:
    """Format with three digits; a dash for what there is not."""
    return "-" if math.isnan(value) else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


ROWS = [("fid", "class-wise fid"), ("is",), ("precision", "recall"), ("density", "coverage"), ("copying", "cas")]


def plot(found: dict[str, list[dict[str, float]]]) -> Figure:
    """Draw every measure over the steps: a column for each way, a row for measures of one scale."""
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 8), layout="constrained")
        panels = figure.subplots(len(ROWS), len(SPOILINGS), sharex="col", sharey="row")
        for way, column in zip(SPOILINGS, panels.T, strict=True):
            for names, panel in zip(ROWS, column, strict=True):
                for name, line, colour in zip(names, ("o-", "s--"), ("#0072B2", "#D55E00"), strict=False):
                    panel.plot([values[name] for values in found[way.name]], line, color=colour, label=name, ms=3)
                panel.grid(alpha=0.3)
                panel.set_xticks(range(len(way.steps)), [f"{step:g}" for step in way.steps])
            column[-1].set_xlabel(way.name)
        for names, row in zip(ROWS, panels, strict=True):
            if "fid" in names:
                row[0].set_yscale("symlog", linthresh=0.01)
                row[0].set_ylim(bottom=-0.002)
            row[0].legend(frameon=False, loc="best")
        return figure


if __name__ == "__main__":
    main()
