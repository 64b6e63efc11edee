"""Class accuracy of a conditional generator: how often a classifier recognizes the requested class.

    python benchmarks/asked_classes.py outputs/<date>/<run> --samples 10000

The same number of new latents is drawn for each class. The classifier is that of the native features, trained on real
images; its accuracy on the held-out fifth of them is printed for comparison.
"""

from __future__ import annotations

import argparse

import torch

from gan_experiments.api.run_config import checked_run
from gan_experiments.core.images import to_uint8
from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.restore import restore


def main() -> None:
    """Print the share of samples of each class, and of all, that are classified as the requested class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--checkpoint", default="last")
    parser.add_argument("--samples", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = RunFolder(options.run)
    system, data = restore(checked_run(folder), folder, options.checkpoint, "cpu")
    if not system.num_classes:
        parser.error(f"{options.run} holds no conditional generator")
    data.prepare_data()
    data.setup()
    classifier = NativeClassifier()
    classifier.prepare(data)
    labels = torch.arange(options.samples) % system.num_classes
    latents = Stream(options.seed, "asked classes").normal(options.samples, system.latent_dim)
    correct = []
    for part in torch.arange(options.samples).split(500):
        _, logits = classifier(to_uint8(system.sample(latents[part], labels[part])))
        correct.append(logits.argmax(dim=1) == labels[part])
    agreement = torch.cat(correct).double()
    for label, name in enumerate(data.class_names):
        print(f"{name:>12} {agreement[labels == label].mean():7.2%}")
    print(f"{'all':>12} {agreement.mean():7.2%}  at {system.clock.images_seen:,} images")
    print(f"{'real images':>12} {classifier.accuracy:7.2%}")


if __name__ == "__main__":
    main()
