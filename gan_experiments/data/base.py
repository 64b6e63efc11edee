"""Datasets that fit into memory: one uint8 tensor, indexed a batch at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Batch, KnownDistribution
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts, LongTail, NonNegativeInt, PositiveInt
from gan_experiments.data.batches import Batches, Fetch, Resident
from gan_experiments.data.order import Order
from gan_experiments.data.prefetch import Prefetched
from gan_experiments.data.random_flip_crop import RandomFlipCrop
from gan_experiments.data.subset import choose

_GPU_SHARE = 0.5  # of the free memory that the images may take


class ImageData(pl.LightningDataModule):
    """A dataset as one tensor. A subclass says its ``facts`` and how to ``load`` the images.

    A run may train on a part of it, the same for every run of one seed. What is generated is compared with all of it,
    so that runs on different parts have one real_baseline.

    Args:
        limit: Train on this many images.
        per_class: Train on this many images of each class.
        long_tail: Size of the largest class over that of the smallest, falling exponentially (Cui et al. 2019); 1: as
            they are.
        horizontal_flip: Mirror training images from left to right, half of the time.
        random_crop: Shift training images by up to this many pixels, reflected at the edge.
        seed: Of the part and of the views; given by the program.

    Attributes:
        known: The facts, if they are the same for all options; ``None``: they depend on options or files.
        has_known_distribution: Whether the images are drawn from a known distribution.
        has_labels: Whether images may carry labels.
        splits_without_labels: Values of an argument ``split`` under which they carry none.
        known_distribution: What is known of it, once the dataset is set up.
    """

    provided: ClassVar[tuple[str, ...]] = ("seed",)  # arguments that the program hands over
    known: ClassVar[DataFacts | None] = None
    has_known_distribution: ClassVar[bool] = False
    has_labels: ClassVar[bool] = True
    splits_without_labels: ClassVar[tuple[str, ...]] = ()
    known_distribution: KnownDistribution | None = None

    def __init__(
        self,
        limit: PositiveInt | None = None,
        per_class: PositiveInt | None = None,
        long_tail: LongTail = 1.0,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._takes_all = limit is None and per_class is None and long_tail == 1.0
        self._choose = partial(choose, seed=seed, limit=limit, per_class=per_class, long_tail=long_tail)
        self._views = RandomFlipCrop(horizontal_flip, random_crop, seed)

    @property
    def facts(self) -> DataFacts:
        """What the networks are built from; known before any image is read where that is possible."""
        raise NotImplementedError

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read all images, uint8 ``(N, C, H, W)``, and labels, int64 ``(N,)``, or ``None`` for unlabelled data.

        Points are float32 instead, in [-1, 1]: 256 levels are too coarse for them.
        """
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Read the images, once."""
        _ = self._loaded

    @property
    def images(self) -> Tensor:
        """The images to compare with, all there are: uint8, ``(N, C, H, W)``."""
        return self._loaded[0]

    @property
    def labels(self) -> Tensor | None:
        """Their labels: int64, ``(N,)``; ``None`` for unlabelled data."""
        return self._loaded[1]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every pixel and label: which data a result was obtained on."""
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in (("images", self.images), ("labels", self.labels)):
            if tensor is not None:
                digest.update(f"{name}{tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

    @property
    def trained(self) -> Tensor | None:
        """Which of ``images`` are trained on: bool, ``(N,)``; ``None`` where they are a choice of their own."""
        return torch.zeros(len(self.images), dtype=torch.bool).index_fill_(0, self.training, True)

    @property
    def split(self) -> str:
        """Which images of the dataset these are."""
        return "all"

    @property
    def class_names(self) -> list[str]:
        """What the classes are called: their numbers, unless the dataset knows better."""
        return [str(label) for label in range(self.facts.num_classes)]

    @cached_property
    def training(self) -> Tensor:
        """Indices of the images to train on: int64, ``(M,)``.

        Raises:
            ConfigError: There are not as many as the config asks for.
        """
        return self._choose(self.num_images, self._all_labels)

    @property
    def num_images(self) -> int:
        """How many images there are."""
        return len(self.images)

    @property
    def num_training(self) -> int:
        """How many of them are trained on."""
        return len(self.training)

    @property
    def class_sizes(self) -> Tensor | None:
        """How many images of each class are trained on: int64, ``(K,)``; ``None`` for unlabelled data."""
        labels = self._all_labels
        return None if labels is None else labels[self.training].bincount(minlength=self.facts.num_classes)

    @property
    def examples(self) -> Tensor:
        """Which of ``images`` show what is trained on: int64 indices."""
        return self.training

    def about_files(self) -> dict[str, list[str]]:
        """Say what is known of the files that the images came from, by title."""
        return {}

    def provenance(self) -> dict[str, Any]:
        """Say what a result depends on: facts, fingerprint, how many images are trained on; plain values."""
        return {
            **self.facts.as_dict(),
            "num_images": self.num_images,
            "training_images": self.num_training,
            "fingerprint": self.fingerprint,
        }

    def reference(self, count: int | None = None, seed: int = 0) -> Tensor:
        """Return the real images to compare with: all of them, or ``count`` that depend on ``seed`` alone.

        Raises:
            ConfigError: ``count`` is more than there are.
        """
        if count is None:
            return self.images
        if count > len(self.images):
            raise ConfigError(f"{count} reference images asked for, {self.facts.name} has {len(self.images)}")
        return self.images[Stream(seed, "reference").permutation(len(self.images))[:count]]

    def train_dataloader(self) -> Iterable[Batch]:
        """Return the endless batches of this process, from the module's clock on.

        Images lie on the GPU if they fit there beside the networks; else each batch is sent there ahead of time.

        Raises:
            ConfigError: The batch is larger than the dataset, or cannot be divided among the processes.
        """
        if self.trainer is None:
            raise RuntimeError("train_dataloader() needs a trainer: clock, seed and rank come from it")
        module: Any = self.trainer.lightning_module
        batch_size, processes = module.clock.batch_size, self.trainer.world_size
        self.check_batch_size(batch_size, processes)
        fetch, at_once = self.fetch(self.trainer.strategy.root_device)
        order = self.order(module.seed)
        batches = Batches(fetch, order, module.clock, self.trainer.global_rank, processes, self._views)
        return batches if at_once else Prefetched(batches)

    def check_batch_size(self, batch_size: int, processes: int) -> None:
        """Refuse a global batch that is larger than the dataset or cannot be divided among ``processes``.

        Raises:
            ConfigError: Says which.
        """
        if batch_size > self.num_training:
            size = f"{self.facts.name} has {self.num_training} images"
            raise ConfigError(f"batch_size: {batch_size} is larger than the dataset ({size})")
        if batch_size % processes:
            raise ConfigError(f"batch_size: {batch_size} cannot be divided among {processes} processes")

    def order(self, seed: int) -> Order:
        """Return the order of the images that are trained on, counted from 0."""
        return Order(self.num_training, seed)

    def fetch(self, device: torch.device) -> tuple[Fetch, bool]:
        """Return what fetches images of that order, and whether they are there at once, on ``device``."""
        resident = device.type != "cuda" or fits(self.images, device)
        return Resident(self.images, self.labels, self.training, device if resident else torch.device("cpu")), resident

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Yield nothing: the rules are those of subclasses."""
        yield from ()

    @property
    def _all_labels(self) -> Tensor | None:
        return self.labels

    @cached_property
    def _loaded(self) -> tuple[Tensor, Tensor | None]:
        images, labels = self.load()
        return images.contiguous(), labels


def fits(images: Tensor, device: torch.device) -> bool:
    """Tell whether ``images`` leave the GPU enough room for everything else."""
    free, _ = torch.cuda.mem_get_info(device)
    return images.nbytes <= _GPU_SHARE * free
