"""The images that an evaluation measures: generated from latents, or translated from inputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gan_experiments.core.evaluation_mode import evaluation_mode, generated
from gan_experiments.core.images import as_measured, to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.step import Generated, Translated
from gan_experiments.core.types import ConfigError, NonNegativeInt
from gan_experiments.data.inputs import Inputs
from gan_experiments.sampling.interpolation import slerp
from gan_experiments.systems.base import System
from gan_experiments.systems.translation import TranslationSystem


def evaluation_samples(
    system: System, inputs: Inputs | None, count: int, seed: int, ema: bool = True, truncation: float | None = None
) -> EvaluationSamples | TranslatedSamples:
    """Return the images to measure: generated from latents, or translated from as many inputs as there are.

    Raises:
        ConfigError: Truncation of a translator, which has no latents.
    """
    if not isinstance(system, TranslationSystem):
        return EvaluationSamples(system, count, seed, ema, truncation)
    if truncation is not None:
        raise ConfigError("truncation: is for latents, which a translator has not")
    assert inputs is not None
    return TranslatedSamples(system, inputs, count, ema)


class TranslatedSamples:
    """Translated images by index, at most ``count``: a function of the weights, without noise."""

    def __init__(self, system: TranslationSystem, inputs: Inputs, count: int, ema: bool = True) -> None:
        self._system, self._inputs, self._ema = system, inputs, ema
        self._chosen = inputs.tested[:count]

    def __len__(self) -> int:
        return len(self._chosen)

    def __call__(self, start: int, count: NonNegativeInt) -> Translated:
        """Return the translations of the inputs ``start`` to ``start + count``, with all they are compared with."""
        system, inputs, device = self._system, self._inputs, self._system.device
        chosen = self._chosen[start : start + count]
        given = inputs.of(chosen if len(chosen) else self._chosen[:1])[: len(chosen)].to(device)  # none: of their type
        bits = inputs.facts.bits
        images = as_measured(system.translate(to_float(given), ema=self._ema), bits)

        def back() -> Tensor:
            return as_measured(system.translate(to_float(images), "b_to_a", self._ema), bits)

        return Translated(
            images,
            None,
            given,
            answers=_moved(inputs.answers_of(chosen), device),
            input_labels=_moved(inputs.labels_of(chosen), device),
            classical=inputs.classical(given),
            back=back if "b_to_a" in system.directions else None,
        )


def _moved(values: Tensor | None, device: torch.device) -> Tensor | None:
    return None if values is None else values.to(device)


class EvaluationSamples:
    """Generated images by index: a function of the weights and the seed, whatever the batch size.

    Latents have a random stream of their own, so evaluating does not affect training.
    """

    def __init__(
        self, system: System, count: int, seed: int, ema: bool = True, truncation: float | None = None
    ) -> None:
        stream = Stream(seed, "evaluation")
        self._system = system
        self._seed = seed
        self._network: Any = system.evaluated(ema, truncation)
        self._truncation = truncation
        self._latents = stream.normal(count, system.latent_dim)
        self._labels = stream.integers(system.num_classes, count) if system.num_classes else None

    def __len__(self) -> int:
        return len(self._latents)

    def __call__(self, start: int, count: NonNegativeInt) -> Generated:
        """Return the images ``start`` to ``start + count``, stored ``(count, C, H, W)``, with their labels."""
        device, chosen = self._system.device, slice(start, start + count)
        bits = self._system.generator.facts.bits
        labels = None if self._labels is None else self._labels[chosen].to(device)
        latents = self._latents[chosen].to(device)
        if self._truncation is None:
            images = generated(self._network, latents, labels)
            moved = partial(self._moved, chosen, labels) if getattr(self._network, "transforms", False) else None
            return Generated(as_measured(images, bits), labels, partial(self._step, chosen, labels), moved)
        with torch.no_grad(), evaluation_mode(self._network):
            images = self._network.truncated(latents, self._truncation, labels)
        return Generated(as_measured(images, bits), labels, None)

    @cached_property
    def _others(self) -> tuple[Tensor, Tensor]:
        """The latents that paths lead to, and random positions on them."""
        stream = Stream(self._seed, "evaluation", "paths")
        return stream.normal(*self._latents.shape), stream.uniform(len(self._latents), 1)

    def _step(
        self, chosen: slice, labels: Tensor | None, space: str, sampling: str, epsilon: float
    ) -> tuple[Tensor, Tensor]:
        """Return the images before and after a small step, as ``Generated`` has it; positions are added in float64."""
        device, (others, positions) = self._system.device, self._others
        first, last = (ends[chosen].double().to(device) for ends in (self._latents, others))
        begin = positions[chosen].double().to(device) * (sampling == "full")
        network = self._network
        with torch.no_grad(), evaluation_mode(network):
            if space == "w":
                first, last = (network.styles(ends.float(), labels).double() for ends in (first, last))
            path, make = (torch.lerp, network.synthesize) if space == "w" else (arc, network)
            before, after = (make(path(first, last, begin + step).float(), labels) for step in (0, epsilon))
        return before, after

    def _moved(
        self, chosen: slice, labels: Tensor | None, transforms: Callable[[Tensor], list[Tensor]], count: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Return random numbers and images with transforms of the generator's input, as ``Generated`` has it."""
        draws = Stream(self._seed, "evaluation", "moves").uniform(len(self._latents), 5)[chosen][:count]
        draws = (2 * draws - 1).to(self._system.device)
        network = self._network
        with torch.no_grad(), evaluation_mode(network):
            labels = None if labels is None else labels[:count]
            styles = network.styles(self._latents[chosen][:count].to(draws.device), labels)
            each = [None, *transforms(draws)]
            return draws, [network.synthesize(styles, labels, transform).float() for transform in each]


def arc(first: Tensor, last: Tensor, position: Tensor) -> Tensor:
    """Return the spherical interpolation of the directions of vectors ``(B, D)``, with the norms in between.

    To a mapping that normalizes latents it is the path of Karras et al. 2019; others get latents of a usual length.
    """
    norm = torch.lerp(first.norm(dim=-1, keepdim=True), last.norm(dim=-1, keepdim=True), position)
    return norm * slerp(normalize(first, dim=-1), normalize(last, dim=-1), position)
