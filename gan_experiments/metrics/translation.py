"""Measures of translated images: PSNR, SSIM and LPIPS to the right answer, cycle error, and labels kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure
from torchmetrics.utilities import dim_zero_cat

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.images import grey_levels, in_colour
from gan_experiments.core.perceptual import PerceptualEmbedding, load_backbone
from gan_experiments.core.step import Batch, Generated, Translated
from gan_experiments.core.weights import hash_weights
from gan_experiments.metrics.classifier import TrainingImages
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.metrics.extractors.native import NativeClassifier
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.measure import Measure, Values

_LARGEST = 255.0
_WINDOW = 11  # pixels, of SSIM


class TranslationMeasure(Measure):
    """A mean over translated images, with a margin of error over their choice.

    Attributes:
        needs_answers: Whether the right translation of each input must be known.
        needs_way_back: Whether the system must translate back.
    """

    needs_answers: ClassVar[bool] = False
    needs_way_back: ClassVar[bool] = False
    per_image: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("per_image", [], dist_reduce_fx="cat")

    def of_images(self, batch: Translated) -> Tensor:
        """Return the values of each image: float ``(B, V)``, NaN where there is none."""
        raise NotImplementedError

    def update_batch(self, batch: Batch | Generated | Translated) -> None:
        """Add translated images."""
        self.update(batch)

    def update(self, images: Any, real: bool = False, labels: Tensor | None = None) -> None:
        """Add translated images; real ones are ignored.

        Raises:
            TypeError: ``images`` are not ``Translated``: images alone do not say what they were made from.
        """
        if real:
            return
        if not isinstance(images, Translated):
            raise TypeError(f"{type(self).__name__} needs Translated images, not {type(images).__name__}")
        if len(images.images):
            self.per_image.append(self.of_images(images).double())

    def compute(self) -> Values:
        """Return the means by name, without those that there are no values for, and set their ``margins``."""
        columns = dict(zip(self.values, dim_zero_cat(self.per_image).T, strict=True))
        known = {name: column for name, column in columns.items() if not bool(column.isnan().any())}
        self.margins = {name: self.margin(column) for name, column in known.items()}
        return {name: self.mean(column) for name, column in known.items()}

    def mean(self, of_images: Tensor) -> float:
        """Return a value from those of the images ``(N,)``."""
        return float(of_images.mean())

    def margin(self, of_images: Tensor) -> float:
        """Return its margin of error at 95 %."""
        return margin_of_mean(of_images)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse systems that do not translate, or not back, and data whose right answers are not known."""
        yield from super().check(key, options, config)
        system, dataset = config.component("model"), config.component("dataset")
        if system is not None and not getattr(system, "translates", False):
            yield Problem(key, f"{cls.__name__} measures translated images, and {system.__name__} generates from noise")
        elif system is not None and cls.needs_way_back and not getattr(system, "two_way", False):
            yield Problem(key, f"{cls.__name__} needs a translation back, which {system.__name__} has not")
        unknown = dataset is not None and config.get("task") is None and not getattr(dataset, "has_answers", False)
        if cls.needs_answers and unknown and getattr(system, "translates", False):
            text = f"the right translation of the inputs of {dataset.__name__} is not known"  # type: ignore[union-attr]
            yield Problem(key, f"{text}; leave this measure out")


class AnswerMeasure(TranslationMeasure):
    """A comparison of each translated image with the right one.

    Its values are those of the translated images, of the inputs themselves, and of what the classical method of the
    task makes of the inputs, such as a median filter. A translator that is not better than these has learned nothing.
    """

    needs_answers: ClassVar[bool] = True

    def compare(self, images: Tensor, answers: Tensor) -> Tensor:
        """Return the value of each image: float ``(B,)``; both are of one type, with as many channels."""
        raise NotImplementedError

    def of_images(self, batch: Translated) -> Tensor:
        """Return the values of translated images, inputs and classical answers."""
        assert batch.answers is not None
        answers = batch.answers
        candidates = [batch.images, _like(batch.inputs, answers), batch.classical]
        absent = torch.full((len(answers),), torch.nan, device=answers.device)
        return torch.stack([absent if each is None else self.compare(each, answers) for each in candidates], 1)


class PSNR(AnswerMeasure):
    """Peak signal-to-noise ratio in decibels, of the mean squared error over all images.

    Values:
        ``psnr``: of the translated images. ``psnr_input``, ``psnr_classical``: of the inputs and the classical answers.
    """

    values: ClassVar[tuple[str, ...]] = ("psnr", "psnr_input", "psnr_classical")
    higher_is_better = True
    selection: ClassVar[str] = "psnr"

    def compare(self, images: Tensor, answers: Tensor) -> Tensor:
        """Return the mean squared errors, in squared grey levels of 255."""
        return (grey_levels(images).double() - grey_levels(answers).double()).square().flatten(1).mean(1)

    def mean(self, of_images: Tensor) -> float:
        """Return the ratio for the mean of the squared errors; the error of rounding to grey levels is its limit."""
        error = of_images.mean().clamp_min(1 / 12)
        return float(peak_signal_noise_ratio(error.sqrt(), torch.zeros_like(error), data_range=_LARGEST))

    def margin(self, of_images: Tensor) -> float:
        """Return the margin of the mean squared error in decibels, to first order."""
        error = of_images.mean().clamp_min(1 / 12)
        return float(10 / torch.log(torch.tensor(10.0)) * margin_of_mean(of_images) / error)


class SSIM(AnswerMeasure):
    """Structural similarity (Wang et al. 2004), the mean over images, which are reflected at the border.

    Values:
        ``ssim``: of the translated images. ``ssim_input``, ``ssim_classical``: of the inputs and the classical answers.
    """

    values: ClassVar[tuple[str, ...]] = ("ssim", "ssim_input", "ssim_classical")
    higher_is_better = True
    selection: ClassVar[str] = "ssim"

    def prepare(self, data: ImageSource) -> None:
        """Refuse images that its window is too large for.

        Raises:
            ValueError: They are smaller than 6 pixels.
        """
        if data.facts.shorter_side < _WINDOW // 2 + 1:
            raise ValueError(f"SSIM needs images of {_WINDOW // 2 + 1} pixels, not {data.facts.shorter_side}")

    def compare(self, images: Tensor, answers: Tensor) -> Tensor:
        """Return the similarity of each image."""
        both = grey_levels(images).double(), grey_levels(answers).double()
        similar = structural_similarity_index_measure(*both, data_range=_LARGEST, reduction="none")
        assert isinstance(similar, Tensor)  # without full_image there is no second result
        return similar


class LPIPS(AnswerMeasure):
    """Learned perceptual distance with AlexNet (Zhang et al. 2018), the mean over images of 32 pixels and more.

    Values:
        ``lpips``: of the translated images. ``lpips_input``, ``lpips_classical``: of inputs and classical answers.

    Args:
        weights: File of torchvision's AlexNet weights; default: downloaded once into the cache folder.
    """

    values: ClassVar[tuple[str, ...]] = ("lpips", "lpips_input", "lpips_classical")
    higher_is_better = False
    selection: ClassVar[str] = "lpips"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        self._weights = weights
        self._network: list[PerceptualEmbedding] = []  # in a list: a metric's modules would be saved with it

    def prepare(self, data: ImageSource) -> None:
        """Load the network.

        Raises:
            ConfigError: Its weights are not available.
            ValueError: The images are smaller than 32 pixels.
        """
        if not self._network:
            network = PerceptualEmbedding(load_backbone(self._weights))
            network(data.images[:1].cpu())
            self._network.append(network)

    def compare(self, images: Tensor, answers: Tensor) -> Tensor:
        """Return the distance of each image."""
        network = self._network[0].to(images.device)
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            distance: Tensor = (network(images) - network(answers)).square().sum(1)
        return distance

    def provenance(self) -> dict[str, Any]:
        """Return what its values depend on: the hash of the weights, not the path of their file."""
        return {"weights": hash_weights(self._network[0].state_dict()) if self._network else ""}


class CycleError(TranslationMeasure):
    """Mean absolute difference, in grey levels, of an input and its translation there and back (Zhu et al. 2017).

    Values:
        ``cycle_error``: 0 says nothing of the translation itself, in which the input may be hidden.
    """

    values: ClassVar[tuple[str, ...]] = ("cycle_error",)
    higher_is_better = False
    selection: ClassVar[str] = "cycle_error"
    needs_way_back: ClassVar[bool] = True

    def of_images(self, batch: Translated) -> Tensor:
        """Return the mean absolute difference of each input."""
        assert batch.back is not None
        back, inputs = grey_levels(batch.back()), grey_levels(batch.inputs)
        return (back.double() - inputs.double()).abs().flatten(1).mean(1, keepdim=True)


class LabelKept(TranslationMeasure):
    """Share of inputs whose translation is classified as the input's class, by a classifier of the target images.

    Values:
        ``label_kept``: of the translated images. ``label_kept_answer``: of the right answers, where they are known: the
        accuracy of the classifier, which a perfect translator gets.

    Args:
        training_images: Training images of the classifier, including repetitions; it is cached.
    """

    values: ClassVar[tuple[str, ...]] = ("label_kept", "label_kept_answer")
    higher_is_better = True
    selection: ClassVar[str] = "label_kept"

    def __init__(self, training_images: TrainingImages = 80000) -> None:
        super().__init__()
        self.training_images = training_images
        self._classifier = [NativeClassifier(training_images=training_images)]

    def prepare(self, data: ImageSource) -> None:
        """Train the classifier on the target images, or load it.

        Raises:
            ValueError: They have no labels.
        """
        if data.labels is None:
            raise ValueError(f"needs labels; {data.facts.name} has none")
        self._classifier[0].prepare(data)

    def of_images(self, batch: Translated) -> Tensor:
        """Return 1 for each translation that keeps the class, 0 for any other."""
        assert batch.input_labels is not None
        labels = batch.input_labels
        network = self._classifier[0].to(batch.images.device)

        def kept(images: Tensor) -> Tensor:
            logits = network(images)[1]
            assert logits is not None
            return torch.eq(logits.argmax(1), labels).double()

        absent = torch.full((len(batch.images),), torch.nan, dtype=torch.float64, device=batch.images.device)
        return torch.stack([kept(batch.images), absent if batch.answers is None else kept(batch.answers)], 1)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a dataset that is known to have no labels."""
        yield from super().check(key, options, config)
        dataset = config.component("dataset")
        if dataset is not None and not getattr(dataset, "has_labels", True):
            yield Problem(key, f"LabelKept needs labels, which {dataset.__name__} has not")


def _like(images: Tensor, answers: Tensor) -> Tensor | None:
    """Return images with as many channels as the answers: grey ones repeated, coloured ones averaged.

    ``None`` where they cannot be compared.
    """
    if images.shape[1] == answers.shape[1]:
        return images
    if (images.shape[1], answers.shape[1]) == (1, 3):
        return in_colour(images)
    return images.float().mean(1, keepdim=True).round().to(images.dtype) if answers.shape[1] == 1 else None
