"""The base class of systems that translate images: translators against discriminators, with terms beside the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.ema import GeneratorEMA
from gan_experiments.core.evaluation_mode import evaluation_mode
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import DataFacts
from gan_experiments.systems.base import Shape
from gan_experiments.systems.optimization import trained
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.systems.translator_training import Side, TranslatorTraining

DIRECTIONS = {"a_to_b": "", "b_to_a": "backward_"}  # with the prefix of the networks


class TranslationSystem(TranslatorTraining):
    """A system of translators; a subclass says which images a step makes, and the terms that it adds to the loss.

    Attributes:
        translates: Marks systems of translators for the rules of components.
        paired: Whether each input must come with the image to be made of it.
        two_way: Whether it also translates from B to A.
    """

    translates: ClassVar[bool] = True
    paired: ClassVar[bool] = False
    two_way: ClassVar[bool] = False
    generator: Translator  # type: ignore[assignment]

    def __init__(
        self,
        generator: Translator,
        discriminator: Discriminator,
        setup: TrainingSetup,
        adversarial_weight: float,
        channels_last: bool,
    ) -> None:
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        generator = generator.to(memory_format=self._layout)
        super().__init__(generator, setup)  # type: ignore[arg-type]
        self.adversarial_weight = adversarial_weight
        assert setup.loss is not None  # or ``check`` would have refused it
        self._shared = setup.loss, dict(setup.penalties), dict(setup.augmentations)
        self._trained: dict[str, list[nn.Module]] = {name: [] for name in self.optimized}
        self.sides = [self._add_side("", generator, discriminator)]

    def _add_side(self, name: str, generator: Translator, discriminator: Discriminator) -> Side:
        """Register the networks of a side, with a loss, penalties and augmentations of its own."""
        loss, penalties, augmentations = self._shared if not name else deepcopy(self._shared)
        parts = {
            "generator": generator.to(memory_format=self._layout),
            "discriminator": discriminator.to(memory_format=self._layout),
            "loss": loss,
            "penalties": nn.ModuleDict(penalties),
            "augmentations": nn.ModuleDict(augmentations),
        }
        for part, module in parts.items():
            setattr(self, f"{name}{part}", module)
        if name:
            setattr(self, f"{name}ema", GeneratorEMA(generator, self.ema.half_life))
        for penalty in penalties.values():
            penalty.prepare(generator, discriminator)
        self._trained["generator"].append(generator)
        self._trained["discriminator"].append(discriminator)
        return Side(name, generator, discriminator, loss, penalties, augmentations)

    @property
    def latent_dim(self) -> int:
        """There are no latents."""
        return 0

    @property
    def num_classes(self) -> int:
        """Translators take no labels."""
        return 0

    @property
    def averages(self) -> dict[str, GeneratorEMA]:
        """The moving averages of the translators, by the name of the attribute."""
        return {f"{side.name}ema": getattr(self, f"{side.name}ema") for side in self.sides}

    @property
    def directions(self) -> list[str]:
        """The directions that it translates in."""
        return list(DIRECTIONS)[: len(self.sides)]

    @classmethod
    def network_facts(cls, facts: DataFacts) -> dict[str, tuple[str, DataFacts]]:
        """Return, for each network, the option of the config that describes it and the facts that it is built from."""
        return {"generator": ("generator", facts), "discriminator": ("discriminator", facts)}

    def shapes(self, facts: DataFacts) -> list[tuple[str, Shape, list[Shape]]]:
        """Return, for each network, the shape of an input and those of its outputs, all without the batch."""
        shapes: list[tuple[str, Shape, list[Shape]]] = []
        size = facts.shape[1:]
        for side in self.sides:
            one = side.generator
            shapes.append((f"{side.name}generator", (one.input_channels, *size), [(one.facts.channels, *size)]))
            shapes.append((f"{side.name}discriminator", (side.discriminator.facts.channels, *size), [()]))
        return shapes

    @torch.no_grad()
    def translate(self, inputs: Tensor, direction: str = "a_to_b", ema: bool = True) -> Tensor:
        """Translate images ``(B, C_in, H, W)`` in [-1, 1] in evaluation mode, without noise."""
        network = self.translator(direction, ema)
        with evaluation_mode(network):
            images: Tensor = network(inputs.to(memory_format=self._layout))
        return images

    def translator(self, direction: str = "a_to_b", ema: bool = True) -> nn.Module:
        """Return the translator of a direction, averaged or as the last step left it."""
        prefix = DIRECTIONS[direction]
        network: nn.Module = getattr(self, f"{prefix}ema").module if ema else getattr(self, f"{prefix}generator")
        return network

    def set_number(self, key: str, value: float) -> None:
        """Set a penalty's weight or an augmentation's p on all sides, or what a ramp can change in every system."""
        super().set_number(key, value)
        for side in self.sides[1:]:
            match key.split("."):
                case ["penalty", name, "weight"]:
                    side.penalties[name].weight = value
                case ["augment", name, "p"]:
                    side.augmentations[name].p.fill_(value)  # type: ignore[operator]

    def trained_by(self, network: str) -> list[nn.Parameter]:
        """Return the weights that an optimizer steps: of all discriminators, or of all else that is trained."""
        return trained(*self._trained[network])

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse data without inputs, unpaired data for a system that needs pairs, and transfer between runs."""
        yield from super().check(key, options, config)
        transfer = [config.get("init_from") and "init_from"]
        transfer += [config.get(f"freeze.{name}") is not None and f"freeze.{name}" for name in cls.optimized]
        for name in filter(None, transfer):
            yield Problem(name, f"is for generators of images from noise; all of {cls.__name__} begins from its seed")
        dataset, task = config.component("dataset"), config.get("task")
        domains = getattr(dataset, "domains", "")
        if dataset is None or task is not None or (domains and not cls.paired):
            return
        own = "dataset=paired" if cls.paired else "dataset=unpaired, dataset=paired"
        if not domains:
            text = f"{cls.__name__} translates images, and {dataset.__name__} has no inputs"
            yield Problem(key, f"{text}; take {own}, or derive them: task=denoise, task=colorize ...")
        elif domains != "paired":
            text = f"{cls.__name__} learns from pairs, and {dataset.__name__} has none"
            yield Problem(key, f"{text}; take model=cyclegan or model=cut, or {own}")
