"""Images of four pixels whose features are the pixels themselves: everything about them can be computed by hand."""

from types import SimpleNamespace

import torch

from gan_experiments.core.contracts import Batch
from gan_experiments.core.types import DataFacts
from gan_experiments.metrics.evaluator import Evaluator
from gan_experiments.metrics.extractors.base import Extractor
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.inception_score import InceptionScore
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.prdc import PRDC


def source(seed=0, count=500, bright=1.0, labels=None):
    images = torch.randn(count, 1, 2, 2, generator=torch.Generator().manual_seed(seed)) * 20 + 80 * bright
    facts = DataFacts("pixels", 2, 1, num_classes=0 if labels is None else int(labels.max()) + 1)
    images = images.clamp(0, 255).to(torch.uint8)
    fingerprint = f"pixels {seed} {count} {bright} {labels is None}"
    return SimpleNamespace(
        facts=facts, images=images, labels=labels, fingerprint=fingerprint, split="all", trained=None
    )


def noise(channels=3, size=8, count=3):
    data = source()
    shape = (count, channels, size, size)
    data.images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data.facts = type(data.facts)("pixels", size, channels)
    return data


class Pixels(Extractor):
    def __init__(self, logits=True):
        super().__init__()
        self.name, self.num_features, self.weight_hash = "pixels", 4, f"none {logits}"
        self.logits, self.extracted = logits, 0
        self.layer = torch.nn.Linear(4, 4)
        torch.nn.init.eye_(self.layer.weight)
        torch.nn.init.constant_(self.layer.bias, 0.1)  # moves no distance, and half precision cannot hold it

    def prepare(self, data):
        pass

    def forward(self, images):
        self.extracted += len(images)
        features = self.layer(images.flatten(1).float())
        return features, features if self.logits else None


def evaluator(data=None, names=("native",), features=None, **options):
    extractors = {name: Pixels() for name in names}
    features = {"fid": FID(), "is": InceptionScore()} if features is None else features
    return Evaluator(data or source(), extractors, 0, 64, features, **options)


def from_tensor(images, labels=None):
    def sample(start, count):
        part = slice(start, start + count)
        return Batch(images[part], None if labels is None else labels[part])

    return sample


def measures():
    return {"fid": FID(), "is": InceptionScore(), "kid": KID(subsets=5, subset_size=20), "prdc": PRDC()}
