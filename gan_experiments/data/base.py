"""Base class of all datasets: a LightningDataModule over one uint8 tensor of images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Batch, KnownDistribution
from gan_experiments.core.memory import within_memory
from gan_experiments.core.rules import check_within_image
from gan_experiments.core.step import TranslationBatch
from gan_experiments.core.types import ConfigError, DataFacts, LongTail, NonNegativeInt, PositiveInt
from gan_experiments.data.batches import Batches, Fetch, InMemory, batches_at_once
from gan_experiments.data.inputs import Inputs
from gan_experiments.data.order import Order
from gan_experiments.data.prefetch import Prefetched
from gan_experiments.data.random_flip_crop import RandomFlipCrop
from gan_experiments.data.subset import choose_subset

_GPU_SHARE = 0.5  # largest part of the GPU's free memory that the images may take


class ImageData(pl.LightningDataModule):
    """A dataset held as one tensor; a subclass defines ``facts`` (or ``known``) and ``load``.

    A run may train on a subset, which depends on the seed alone. Generated images are compared with the whole dataset,
    so runs on different subsets share one real baseline. A subclass with options of its own passes ``**options`` on
    to this constructor.

    Args:
        limit: Number of images to train on; default: all.
        per_class: Number of images of each class to train on; default: all.
        long_tail: Ratio of the largest class to the smallest; class sizes fall exponentially in between (Cui et al.
            2019). 1 leaves the classes as they are.
        horizontal_flip: Mirror each training image left to right with probability 1/2.
        random_crop: Shift training images by up to this many pixels, padded by reflection.
        seed: Seed of the subset and of flips and crops; passed by the program.

    Attributes:
        known: The facts, if they are known without reading any file; of the class, if they are so for all options.
        has_known_distribution: Whether the images are drawn from a known distribution.
        has_equilibrium: Whether that of a GAN on it is known: its covariance is the attribute ``equilibrium``.
        has_labels: Whether the images can have labels.
        splits_without_labels: Values of the option ``split`` for which the images have no labels.
        known_distribution: That distribution, once the dataset is set up.
        domains: ``paired`` or ``unpaired`` for a dataset with inputs of its own for a translator; empty for others.
        has_answers: Whether the right translation of each input is known.
        inputs: The inputs of a translator; ``None`` where there are none.
        transform: Flips and crops of training images.
    """

    provided: ClassVar[tuple[str, ...]] = ("seed",)  # arguments that the program passes, not the config
    known: DataFacts | None = None
    has_known_distribution: ClassVar[bool] = False
    has_equilibrium: ClassVar[bool] = False
    has_labels: ClassVar[bool] = True
    splits_without_labels: ClassVar[tuple[str, ...]] = ()
    known_distribution: KnownDistribution | None = None
    domains: ClassVar[str] = ""
    has_answers: ClassVar[bool] = False
    inputs: Inputs | None = None

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
        self._choose = partial(choose_subset, seed=seed, limit=limit, per_class=per_class, long_tail=long_tail)
        self.transform = RandomFlipCrop(horizontal_flip, random_crop, seed)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Yield options that ask for labels or images that the dataset is known to lack."""
        if not cls.has_labels or options.get("split") in cls.splits_without_labels:
            for name, default in (("per_class", None), ("long_tail", 1.0)):
                if options.get(name, default) not in (None, default):
                    yield Problem(f"{key}.{name}", "the images have no labels")
        yield from check_within_image(key, "random_crop", config)
        limit, batch_size = config.get(f"{key}.limit"), config.get("batch_size")
        name, total = (cls.known.name, cls.known.num_images) if cls.known else (cls.__name__, None)
        if total and isinstance(limit, int) and limit > total:
            yield Problem(f"{key}.limit", f"{limit} images requested, {name} has {total}")
        smallest = min((count for count in (limit, total) if isinstance(count, int)), default=None)
        if smallest and isinstance(batch_size, int) and batch_size > smallest:
            size = f"{name} has {smallest} images" if smallest == total else f"{key}.limit={limit}"
            yield Problem("batch_size", f"{batch_size} is larger than the dataset ({size})")
        ratio, classes = config.get(f"{key}.long_tail"), cls.known.num_classes if cls.known else 1
        if isinstance(ratio, (int, float)) and ratio > (total or 10**7) / max(classes, 1):
            text = "the classes are smaller than that: their sizes fall to one image, most of them quickly"
            yield Problem(f"{key}.long_tail", text, warning=True)

    @property
    def facts(self) -> DataFacts:
        """The facts that networks are built from, read from as few files as possible."""
        if self.known is None:
            raise NotImplementedError
        return self.known

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read all images, uint8 ``(N, C, H, W)``, and labels, int64 ``(N,)``, or ``None`` for unlabelled data.

        Images of 16 bits are uint16. Points are float32 in [-1, 1] instead: 256 levels are too coarse for them.
        """
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Read the images, unless they have been read already."""
        _ = self._loaded

    @property
    def images(self) -> Tensor:
        """All images, which generated ones are compared with: uint8 or uint16, ``(N, C, H, W)``."""
        return self._loaded[0]

    @property
    def labels(self) -> Tensor | None:
        """Labels of ``images``: int64, ``(N,)``; ``None`` for unlabelled data."""
        return self._loaded[1]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every pixel and label, inputs that are not derived included: it identifies the data of a result."""
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in (("images", self.images), ("labels", self.labels), ("inputs", self._stored_inputs)):
            if tensor is not None:
                digest.update(f"{name}{tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

    @property
    def trained(self) -> Tensor | None:
        """Mask of the ``images`` that are trained on: bool, ``(N,)``; ``None`` if ``images`` is a separate sample."""
        return torch.zeros(len(self.images), dtype=torch.bool).index_fill_(0, self.training, True)

    @property
    def split(self) -> str:
        """Name of the split that the images belong to."""
        return "all"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; by default their numbers."""
        return [str(label) for label in range(self.facts.num_classes)]

    @cached_property
    def training(self) -> Tensor:
        """Indices of the images to train on: int64, ``(M,)``.

        Raises:
            ConfigError: The dataset has fewer images than the config asks for.
        """
        return self._choose(self.num_images, self._all_labels)

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def num_training(self) -> int:
        """Number of images that are trained on."""
        return len(self.training)

    @property
    def class_sizes(self) -> Tensor | None:
        """Number of training images of each class: int64, ``(K,)``; ``None`` for unlabelled data."""
        labels = self._all_labels
        return None if labels is None else labels[self.training].bincount(minlength=self.facts.num_classes)

    @property
    def examples(self) -> Tensor:
        """Indices into ``images`` of examples of the training data: int64."""
        return self.training

    def about_files(self) -> dict[str, list[str]]:
        """Describe the files that the images were read from: lists of words, by title."""
        return {}

    def provenance(self) -> dict[str, Any]:
        """Return plain values that identify the data: facts, fingerprint, number of training images."""
        inputs = {} if self.inputs is None else {"inputs": self.inputs.provenance()}
        return {
            **self.facts.as_dict(),
            "num_images": self.num_images,
            "training_images": self.num_training,
            "fingerprint": self.fingerprint,
            **inputs,
        }

    def train_dataloader(self) -> Iterable[Batch | TranslationBatch]:
        """Return the endless batches of this process, starting where the module's clock stands.

        The images, and stored inputs, are kept on the GPU if they fit beside the networks; otherwise batches are sent
        there ahead of time.

        Raises:
            ConfigError: The batch is larger than the dataset, or not divisible by the number of processes.
        """
        if self.trainer is None:
            raise RuntimeError("train_dataloader() needs a trainer: clock, seed and rank come from it")
        module: Any = self.trainer.lightning_module
        batch_size, processes = module.clock.batch_size, self.trainer.world_size
        self.check_batch_size(batch_size, processes)
        device = self.trainer.strategy.root_device
        fetch, immediate = self.fetch(device)
        order = self.order(module.seed)
        rank, clock = self.trainer.global_rank, module.clock

        def make(fetch: Fetch, order: Order, transform: RandomFlipCrop, image_bytes: int) -> Batches:
            block = batches_at_once(image_bytes * batch_size) if immediate else 1
            return Batches(fetch, order, clock, rank, processes, transform, block)

        targets = make(fetch, order, self.transform, self.images[0].nbytes)
        batches: Iterable[Batch | TranslationBatch] = targets
        if self.inputs is not None and getattr(module, "translates", False):
            held_on = device if immediate else torch.device("cpu")
            batches = self.inputs.batches(targets, fetch, make, module, held_on, rank, processes)
        return batches if immediate else Prefetched(batches)

    def last_batch(self) -> Batch | TranslationBatch:
        """Return what this process has seen in the last step, fetched again."""
        trainer: Any = self.trainer
        clock = trainer.lightning_module.clock
        clock.images_seen -= clock.batch_size
        try:
            batch: Batch | TranslationBatch = next(iter(trainer.train_dataloader))
            return batch
        finally:
            clock.images_seen += clock.batch_size

    def check_batch_size(self, batch_size: int, processes: int) -> None:
        """Refuse a global batch that is larger than the dataset or cannot be divided among ``processes``.

        Refuse a random crop out of the image, too.

        Raises:
            ConfigError: Says which.
        """
        if batch_size > self.num_training:
            size = f"{self.facts.name} has {self.num_training} images"
            raise ConfigError(f"batch_size: {batch_size} is larger than the dataset ({size})")
        if self.transform.max_shift >= self.facts.shorter_side:
            text = f"{self.transform.max_shift} pixels are not less than the {self.facts.shorter_side} of an image"
            raise ConfigError(f"dataset.random_crop: {text}")
        if batch_size % processes:
            raise ConfigError(f"batch_size: {batch_size} cannot be divided among {processes} processes")

    def order(self, seed: int) -> Order:
        """Return the order of the training images, which are numbered from 0."""
        return Order(self.num_training, seed)

    def fetch(self, device: torch.device) -> tuple[Fetch, bool]:
        """Return a function from numbers in that order to images, and whether it needs no prefetching to ``device``."""
        held = [self.images] if self._stored_inputs is None else [self.images, self._stored_inputs]
        resident = device.type != "cuda" or fits(held, device)
        return InMemory(self.images, self.labels, self.training, device if resident else torch.device("cpu")), resident

    @property
    def _stored_inputs(self) -> Tensor | None:
        return None if self.inputs is None else self.inputs.stored_images

    @property
    def _all_labels(self) -> Tensor | None:
        return self.labels

    @cached_property
    def _loaded(self) -> tuple[Tensor, Tensor | None]:
        with within_memory("dataset"):
            images, labels = self.load()
        return images.contiguous(), labels


def fits(held: Sequence[Tensor], device: torch.device) -> bool:
    """Return whether tensors together take a small enough part of the GPU's free memory."""
    free, _ = torch.cuda.mem_get_info(device)
    return sum(tensor.nbytes for tensor in held) <= _GPU_SHARE * free
