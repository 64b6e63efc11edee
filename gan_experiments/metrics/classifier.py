"""Small convolutional image classifier and its training, for the native features and the classification scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count, islice, pairwise
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gan_experiments.core.images import to_float
from gan_experiments.core.precision import full_float32
from gan_experiments.core.randomness import Stream, derive_seed
from gan_experiments.core.types import DataFacts

BATCH_SIZE = 128
LEARNING_RATE = 0.01

ClassifierWidth = Annotated[int, Interval(ge=1, le=1024)]  # the measures need matrices of features by features
TrainingImages = Annotated[int, Interval(ge=1, le=10**8)]


class Classifier(nn.Module):
    """3x3 convolutions down to maps of at most 4x4 pixels, average pooling to features, one linear layer.

    Args:
        facts: Size, channels and classes of the images.
        width: Channels of the first layer; there are four times as many features.
        keys: Keys of the seed of the initial weights.
    """

    def __init__(self, facts: DataFacts, width: int, *keys: int | str) -> None:
        super().__init__()
        # torch.manual_seed would reseed the random streams of the GPUs as well.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(*keys))
            self._build(facts, width)
        # One memory format whether trained or loaded: features then agree to the last bit.
        self.to(memory_format=torch.channels_last)

    def _build(self, facts: DataFacts, width: int) -> None:
        halvings = max(0, math.ceil(math.log2(facts.shorter_side / 4)))
        strides = [1] * (3 - halvings) + [2] * halvings
        widths = [facts.channels, *(width * min(2**stage, 4) for stage in range(len(strides)))]
        layers: list[nn.Module] = []
        for (fan_in, fan_out), stride in zip(pairwise(widths), strides, strict=True):
            layers.append(nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=False))
            layers += [nn.BatchNorm2d(fan_out), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], max(1, facts.num_classes))

    def forward(self, images: Tensor) -> Tensor:
        """Map float ``(B, C, H, W)`` to logits ``(B, K)``."""
        logits: Tensor = self.head(self.features(images))
        return logits


@full_float32()
def train_classifier(
    network: Classifier, images: Tensor, labels: Tensor, chosen: Tensor, training_images: int, *keys: int | str
) -> None:
    """Train with a one-cycle learning rate, in full float32, and leave the network in evaluation mode.

    Args:
        network: The classifier.
        images: uint8, ``(N, C, H, W)``.
        labels: int64, ``(N,)``.
        chosen: Indices of the images to train on: int64, ``(M,)``; at least 2 of points.
        training_images: Training images including repetitions, in batches of 128.
        keys: Keys of the seed of the order of the images.
    """
    steps = math.ceil(training_images / BATCH_SIZE)
    smallest = min(2, len(chosen)) if images[0, 0].numel() == 1 else 1  # batch norm finds no deviation in one point
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    with torch.autocast(images.device.type, enabled=False):
        for part in islice(_batches(chosen, smallest, keys), steps):
            batch = to_float(images[part]).contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(network(batch), labels[part]))
            optimizer.step()
            schedule.step()
    network.eval()


@torch.no_grad()
@full_float32()
def correct_predictions(network: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """Return which of the images ``(N, C, H, W)`` are classified as their labels ``(N,)``: bool, ``(N,)``."""
    parts = zip(torch.split(images, 500), torch.split(labels, 500), strict=True)
    return torch.cat([network(to_float(part)).argmax(1) == targets for part, targets in parts])


def _batches(chosen: Tensor, smallest: int, keys: tuple[int | str, ...]) -> Iterator[Tensor]:
    """Yield epochs in batches without end; a last batch of fewer than ``smallest`` images is left out."""
    for epoch in count():
        parts = torch.split(chosen[Stream(*keys, epoch).permutation(len(chosen))], BATCH_SIZE)
        yield from (part for part in parts if len(part) >= smallest)
