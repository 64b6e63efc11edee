"""Any ``nn.Module`` as generator or discriminator: adapters for networks that were not written for this project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator, DiscriminatorOutput, Generator
from gan_experiments.core.evaluation_mode import evaluation_mode
from gan_experiments.core.rules import option
from gan_experiments.core.types import ConfigError, DataFacts, Width
from gan_experiments.networks.conditioning import with_labels

_TRIAL_BATCH = 2


class ModuleGenerator(Generator):
    """A generator that calls ``module(latents)``, or ``module(latents, labels)`` if it is conditional.

    The constructor makes one pass in evaluation mode, so that a module that does not fit the data is refused before
    training and lazy layers get their parameters.

    Args:
        facts: Size, channels and classes of the images.
        module: Maps ``(B, latent_dim)``, and labels ``(B,)``, to images ``(B, C, H, W)`` in [-1, 1]; it may say
            ``bounded = True``, see :class:`Generator`.
        latent_dim: Length of a latent vector.
        conditional: Whether the module takes labels.

    Raises:
        ConfigError: The module fails or returns another shape, or the images have no labels.
    """

    side_multiple = 1

    def __init__(self, facts: DataFacts, module: nn.Module, latent_dim: Width = 128, conditional: bool = False) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        self.module = module
        self.bounded = getattr(module, "bounded", False) is True
        shape = (_TRIAL_BATCH, *facts.shape)
        images = _trial("model.generator", self, torch.zeros(_TRIAL_BATCH, latent_dim))
        if images.shape != shape:
            text = f"{type(module).__name__} returns the shape {tuple(images.shape)} for {_TRIAL_BATCH} latents"
            raise ConfigError(f"model.generator.module: {text}; images of {facts.name} have {shape}")

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if it is conditional, to ``(B, C, H, W)``."""
        images: Tensor = self.module(latents, labels) if self.conditional else self.module(latents)
        return images


class ModuleDiscriminator(Discriminator):
    """A discriminator that calls ``module(images)``, or ``module(images, labels)`` if it is conditional.

    The constructor makes one pass in evaluation mode, as that of :class:`ModuleGenerator`.

    Args:
        facts: Size, channels and classes of the images.
        module: Maps images ``(B, C, H, W)`` in [-1, 1], and labels ``(B,)``, to logits: ``(B,)``, ``(B, 1)``, or
            several for each image, such as ``(B, 1, H, W)`` of patches, of which losses take the mean.
        conditional: Whether the module takes labels.
        features: Name of the submodule whose output, flattened, is the features ``(B, F)``; ``None``: no features.

    Raises:
        ConfigError: The module fails, returns no batch of logits, or has no such submodule; the images have no labels.
    """

    side_multiple = 1

    def __init__(
        self, facts: DataFacts, module: nn.Module, conditional: bool = False, features: str | None = None
    ) -> None:
        super().__init__(facts)
        self.conditional = with_labels(facts, conditional)
        self.module = module
        self.feature_layer = features
        known = [name for name, _ in module.named_modules() if name]
        if features is not None and features not in known:
            text = f"{type(module).__name__} has no submodule {features!r} ({', '.join(known) or 'it has none'})"
            raise ConfigError(f"model.discriminator.features: {text}")
        images = torch.zeros(_TRIAL_BATCH, *facts.shape)
        output = _trial("model.discriminator", self, images)
        if output.ndim == 0 or len(output) != _TRIAL_BATCH:
            text = f"{type(module).__name__} returns the shape {tuple(output.shape)} for {_TRIAL_BATCH} images"
            raise ConfigError(f"model.discriminator.module: {text}; a batch of logits starts with {_TRIAL_BATCH}")

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` and labels ``(B,)``, if it is conditional, to logits ``(B,)`` or ``(B, ...)``."""
        output: Tensor = self.module(images, labels) if self.conditional else self.module(images)
        return output.squeeze(1) if output.ndim == 2 and output.shape[1] == 1 else output

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return what ``forward`` does and the features ``(B, F)`` of the same pass; ``None`` without a layer."""
        if self.feature_layer is None:
            return DiscriminatorOutput(self(images, labels), None)
        seen: list[Tensor] = []
        layer = self.module.get_submodule(self.feature_layer)
        hook = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        try:
            output = self(images, labels)
        finally:
            hook.remove()
        return DiscriminatorOutput(output, seen[-1].flatten(1))

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the output of the feature layer, flattened: ``(B, F)``.

        Raises:
            ValueError: There is no feature layer.
        """
        features = self.forward_with_features(images, labels).features
        if features is None:
            raise ValueError("model.discriminator.features names no submodule")
        return features

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse penalties that need a class head, or features if no submodule is named for them."""
        yield from super().check(key, options, config)
        for name, penalty in config.components("penalty").items():
            if getattr(penalty, "needs_features", False) and option(config, key, "features") is None:
                yield Problem(f"{key}.features", f"penalty.{name} needs features; name the submodule that returns them")


def _trial(key: str, network: ModuleGenerator | ModuleDiscriminator, inputs: Tensor) -> Tensor:
    """Return what a network makes of zeros; neither its state nor the ambient random numbers change."""
    labels = [torch.zeros(_TRIAL_BATCH, dtype=torch.int64)] * network.conditional
    name, shape = type(network.module).__name__, tuple(inputs.shape)
    try:
        with torch.no_grad(), evaluation_mode(network), torch.random.fork_rng(devices=[]):
            output = network.module(inputs, *labels)
        if not isinstance(output, Tensor):
            raise TypeError(f"it returns {type(output).__name__}, not a tensor")
    except Exception as error:  # whatever the user's module does wrong
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{key}.module: {name} fails for an input of shape {shape}: {reason}") from error
    return output
