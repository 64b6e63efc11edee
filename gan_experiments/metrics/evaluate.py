"""FID and IS of generated images, each image passing each extractor once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torchmetrics
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore

from gan_experiments.metrics.extractor import Extractor, ImageSource
from gan_experiments.metrics.measure import Measure
from gan_experiments.randomness import Stream, derive_seed
from gan_experiments.types import PositiveInt

IS_SPLITS = 10  # Salimans et al. 2016 and everybody since


class Evaluator:
    """Compares generated images with all real ones: FID (Heusel et al. 2017) and IS (Salimans et al. 2016).

    The statistics of the real images are computed once. FID is computed in float64; IS is the mean over 10 splits.
    Where several processes evaluate together, each measures its share, and all of them must call.

    Args:
        data: The real images.
        extractors: Feature extractors by the name their values get. The first one's are ``fid`` and ``is``, those
            of any other ``fid/<name>`` and ``is/<name>``.
        seed: Of the order in which IS splits the images, and of the halves of ``yardstick``.
        batch_size: Images extracted at a time.
        measures: What needs no extractor, by name; its values keep their own names.

    Raises:
        ValueError: There is nothing to measure with.
    """

    def __init__(
        self,
        data: ImageSource,
        extractors: Mapping[str, Extractor],
        seed: int,
        batch_size: PositiveInt,
        measures: Mapping[str, Measure] | None = None,
    ) -> None:
        if not (extractors or measures):
            raise ValueError("an evaluator needs an extractor or a measure")
        self._data = data
        self._extractors = dict(extractors)
        self._seed = seed
        self._batch_size = batch_size
        self._measures = dict(measures or {})
        self._scores: dict[str, _Scores] = {}
        self._yardstick: dict[str, float] = {}

    def prepare(self) -> None:
        """Load the extractors, or train them; happens by itself at the first evaluation."""
        for extractor in self._extractors.values():
            extractor.prepare(self._data)
        for measure in self._measures.values():
            measure.prepare(self._data)

    @property
    def selection(self) -> str:
        """The value that tells the best of several generators: the smallest."""
        return "fid" if self._extractors else next(iter(self._measures.values())).selection

    def __call__(
        self, sample: Callable[[int, int], Tensor], count: PositiveInt, rank: int = 0, world_size: int = 1
    ) -> dict[str, float]:
        """Measure ``count`` generated images.

        Args:
            sample: ``sample(start, n)`` returns the generated images ``start`` to ``start + n``: uint8,
                ``(n, C, H, W)``. It is asked for the same pieces on any number of processes.
            count: Images over all processes.
            rank: This process's place among ``world_size``.
            world_size: Number of processes that share the images.

        Returns:
            Values by name, the same on every process.
        """
        for start, stop in _share(count, self._batch_size, rank, world_size):
            images = sample(start, stop - start)
            self._measure_real(images.device, rank, world_size)
            for name, features, logits in self._extract(images):
                self._scores[name].add(features, logits)
            for measure in self._measures.values():
                measure.to(images.device).update(images)
        values: dict[str, float] = {}
        for name, scores in self._scores.items():
            for score, value in scores.compute(derive_seed(self._seed, "inception score")).items():
                values[self._key(score, name)] = value
        for measure in self._measures.values():
            values |= measure.compute()
            measure.reset()
        return values

    def yardstick(self) -> dict[str, float]:
        """Return the FID between two random halves of the real images, what a perfect generator might get.

        It is measured along with the first evaluation; before that, it is empty.
        """
        return dict(self._yardstick)

    def passport(self) -> dict[str, Any]:
        """Say what the values were obtained with, for a record: plain values."""
        self.prepare()
        return {
            "extractors": {name: extractor.passport() for name, extractor in self._extractors.items()},
            "measures": {name: type(measure).__name__ for name, measure in self._measures.items()},
            "real_images": len(self._data.images),
            "data": self._data.fingerprint,
            "is_splits": IS_SPLITS,
            "versions": {"torch": torch.__version__, "torchmetrics": torchmetrics.__version__},
        }

    def _measure_real(self, device: torch.device, rank: int, world_size: int) -> None:
        if self._scores:
            return
        self.prepare()
        if not self._extractors:
            return
        self._scores = {name: _Scores(extractor, device) for name, extractor in self._extractors.items()}
        halves = {name: _fid(extractor).to(device) for name, extractor in self._extractors.items()}
        images = self._data.images
        shuffled = Stream(self._seed, "yardstick").permutation(len(images))
        for first, half in zip((True, False), shuffled.tensor_split(2), strict=True):
            for start, stop in _share(len(half), self._batch_size, rank, world_size):
                for name, features, _ in self._extract(images[half[start:stop]].to(device)):
                    self._scores[name].fid.update(features, real=True)
                    halves[name].update(features, real=first)
        self._yardstick = {self._key("fid", name): fid.compute().item() for name, fid in halves.items()}

    def _extract(self, images: Tensor) -> Iterator[tuple[str, Tensor, Tensor | None]]:
        for name, extractor in self._extractors.items():
            with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
                features, logits = extractor.to(images.device)(images)
            yield name, features.double(), logits

    def _key(self, measure: str, extractor: str) -> str:
        return measure if extractor == next(iter(self._extractors)) else f"{measure}/{extractor}"


class _Scores:
    """The measures in the features of one extractor."""

    def __init__(self, extractor: Extractor, device: torch.device) -> None:
        self.fid = _fid(extractor).to(device)
        self._logits: list[Tensor] = []

    def add(self, features: Tensor, logits: Tensor | None) -> None:
        self.fid.update(features, real=False)
        if logits is not None:
            self._logits.append(logits.double())

    def compute(self, seed: int) -> dict[str, float]:
        values = {"fid": self.fid.compute().item()}
        self.fid.reset()
        if self._logits:
            values["is"] = _inception_score(torch.cat(self._logits), seed)
            self._logits = []
        return values


class _Features(nn.Module):
    """What torchmetrics takes for a network: it is given the features themselves."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def _fid(extractor: Extractor) -> FrechetInceptionDistance:
    return FrechetInceptionDistance(_Features(extractor.num_features), reset_real_features=False)


def _inception_score(logits: Tensor, seed: int) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*save all extracted features.*")
        score = InceptionScore(nn.Identity(), splits=IS_SPLITS).to(logits.device)
    # One update: the processes' pieces are then joined in the order of their ranks.
    score.update(logits)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # it shuffles with the ambient stream
        mean, _ = score.compute()
    return float(mean)


def _share(count: int, batch_size: int, rank: int, world_size: int) -> list[tuple[int, int]]:
    """Cut ``count`` into batches and return this rank's: consecutive ones, the same batches for any world size."""
    batches = [(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    first, last = (len(batches) * place // world_size for place in (rank, rank + 1))
    # A process without images still takes part in the exchange, with none.
    return batches[first:last] or [(count, count)]
