"""Inputs of translators: the images that they start from, beside the images of a dataset, which are their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream, derive_seed
from gan_experiments.core.step import Batch, TranslationBatch
from gan_experiments.core.types import DataFacts
from gan_experiments.data.batches import Batches, Fetch, InMemory
from gan_experiments.data.order import Order
from gan_experiments.data.random_flip_crop import RandomFlipCrop
from gan_experiments.data.tasks.base import Task

if TYPE_CHECKING:
    from gan_experiments.data.base import ImageData

Make = Callable[[Fetch, Order, RandomFlipCrop, int], Batches]  # the last: bytes of an image


class StoredInputs(NamedTuple):
    """Inputs that a dataset holds.

    Attributes:
        images: uint8, ``(M, C_in, H, W)``.
        labels: int64, ``(M,)``; ``None`` without labels.
        answers: The right translation of each, uint8, ``(M, C, H, W)``; ``None`` where it is not known. Of pairs these
            are the images of the dataset.
        training: Indices of the inputs to train on: int64; ``None``: all, or those of the images that are trained on.
    """

    images: Tensor
    labels: Tensor | None = None
    answers: Tensor | None = None
    training: Tensor | None = None


class Inputs:
    """The inputs of a dataset: derived from its images by a task, or stored beside them.

    Where images are left out of training, these are translated in evaluations; else all of them.

    Args:
        data: The dataset, whose images are the targets.
        channels: Channels of the inputs.
        paired: Whether each input belongs to the image with the same index.
        task: Derives the inputs.
        load: Reads inputs that are not derived.
    """

    def __init__(
        self,
        data: ImageData,
        channels: int,
        paired: bool,
        task: Task | None = None,
        load: Callable[[], StoredInputs] | None = None,
    ) -> None:
        self.channels = channels
        self.paired = paired
        self.task = task
        self._data = data
        self._load = load

    @property
    def facts(self) -> DataFacts:
        """The facts of the dataset with those of the inputs, from which translators are built."""
        return replace(self._data.facts, input_channels=self.channels)

    @cached_property
    def tested(self) -> Tensor:
        """Indices of the inputs that evaluations translate, in random order: int64."""
        trained, indices = self._trained, torch.arange(self._count)
        if trained is not None and not trained.all():
            indices = indices[~trained]
        return indices[Stream("translation", "tested").permutation(len(indices))]

    def of(self, indices: Tensor) -> Tensor:
        """Return inputs: uint8, ``(B, C_in, H, W)``; what a task draws depends on the index alone."""
        if self._stored is not None:
            return self._stored.images[indices]
        assert self.task is not None
        images = torch.split(self._data.images[indices], 1)
        drawn = (Stream("translation", "task", int(index)) for index in indices)
        return torch.cat([self.task(image, rng) for image, rng in zip(images, drawn, strict=True)])

    def labels_of(self, indices: Tensor) -> Tensor | None:
        """Return the labels of inputs: int64, ``(B,)``."""
        labels = self._data.labels if self._stored is None or self.paired else self._stored.labels
        return None if labels is None else labels[indices]

    def answers_of(self, indices: Tensor) -> Tensor | None:
        """Return the right translations of inputs: uint8, ``(B, C, H, W)``; ``None`` if they are not known."""
        answers = self._data.images if self.paired else self._stored and self._stored.answers
        return None if answers is None else answers[indices]

    @property
    def stored_images(self) -> Tensor | None:
        """All inputs, if the dataset holds them."""
        return self._stored.images if self._stored is not None else None

    def classical(self, inputs: Tensor) -> Tensor | None:
        """Return what the task's classical method makes of inputs; ``None`` without one."""
        return self.task.classical(inputs) if self.task is not None and self.task.classical_name else None

    def provenance(self) -> dict[str, Any]:
        """Return plain values that say where the inputs come from."""
        trained = self._trained
        left_out = trained is not None and not bool(trained.all())
        tested = {"tested": len(self.tested), "tested_on": "images left out" if left_out else "all inputs"}
        if self.task is None:
            return {"paired": self.paired, **tested}
        return {"task": type(self.task).__name__, **vars(self.task), **tested}

    def batches(
        self,
        targets: Iterable[Batch],
        fetch: Fetch,
        make: Make,
        module: Any,
        device: torch.device,
        rank: int,
        world_size: int,
    ) -> Iterable[TranslationBatch]:
        """Return the batches of targets with inputs beside them, from where the module's clock stands.

        Args:
            targets: The batches of the dataset.
            fetch: Access to its training images.
            make: Makes batches of other images in the same processes.
            module: The system; only one that is ``paired`` gets each input beside its image, any other inputs in an
                order and with flips and crops of their own.
            device: Where images are kept.
            rank: Index of this process.
            world_size: Number of processes.
        """
        data = self._data
        paired = self.paired and module.paired
        seed = module.seed if paired else derive_seed(module.seed, "inputs")
        order, transform = data.order(seed), data.transform if paired else data.transform.reseeded(seed)
        others: Iterable[Batch] | None = None
        if self._stored is not None:
            images, training = self._stored.images, data.training if self.paired else self._stored.training
            if not self.paired:
                order = Order(len(images) if training is None else len(training), seed)
            others = make(InMemory(images, None, training, device), order, transform, images[0].nbytes)
        elif not paired:
            others = make(fetch, order, transform, data.images[0].nbytes)
        return _Beside(targets, others, self.task, module, rank, world_size)

    @property
    def _count(self) -> int:
        return len(self._data.images if self._stored is None else self._stored.images)

    @property
    def _trained(self) -> Tensor | None:
        """Mask of the inputs that are trained on; ``None``: all, or it is not known."""
        if self.paired:
            return self._data.trained
        if self._stored is None or self._stored.training is None:
            return None
        return torch.zeros(self._count, dtype=torch.bool).index_fill_(0, self._stored.training, True)

    @cached_property
    def _stored(self) -> StoredInputs | None:
        return self._load() if self._load else None


class _Beside:
    """Batches of targets with inputs, those of other batches or of the same, behind a task."""

    def __init__(
        self,
        targets: Iterable[Batch],
        others: Iterable[Batch] | None,
        task: Task | None,
        module: Any,
        rank: int,
        world_size: int,
    ) -> None:
        self._targets, self._others, self._task = targets, others, task
        self._module, self._rank, self._world_size = module, rank, world_size

    def __iter__(self) -> Iterator[TranslationBatch]:
        step, seed = self._module.clock.step, self._module.seed
        others: Iterable[Batch | None] = self._others or repeat(None)
        for target, other in zip(self._targets, others, strict=False):
            inputs = (other or target).images
            if self._task is not None:
                ranks = {"rank": self._rank, "world_size": self._world_size}
                inputs = self._task(inputs, Stream(seed, "task", step, **ranks, device=inputs.device))
            yield TranslationBatch(target.images, inputs)
            step += 1
