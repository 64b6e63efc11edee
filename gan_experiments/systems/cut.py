"""CUT and FastCUT: one-sided translation, learned without pairs by comparing patches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.precision import without_autocast
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, DataFacts, NonNegativeFloat, PositiveFloat, PositiveInt
from gan_experiments.systems.patch_nce import PatchProjection, draw_positions, patch_nce
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.systems.translation import TranslationSystem
from gan_experiments.systems.translator_training import Shown


class CUT(TranslationSystem):
    """Contrastive unpaired translation (Park et al. 2020, equations 1 to 5).

    FastCUT is CUT without the identity term, with ``nce=10`` and ``flip_equivariance``.

    Args:
        generator: Translates A to B; it has ``encode``.
        discriminator: Tells images of B from translated ones.
        projection: Maps features of patches to the vectors that are compared.
        setup: What it is trained with.
        adversarial_weight: Factor of the adversarial loss: 2 for ``loss=least_squares``, which is halved.
        nce: Factor of the contrastive term.
        identity: Compare images of B with their translations as well.
        flip_equivariance: Mirror the inputs of half of the steps, and their features back.
        patches: Positions of each feature map that are compared.
        temperature: Divides the similarities.
        channels_last: Memory format of weights and images: faster convolutions, different rounding.

    Raises:
        ConfigError: The domains have different numbers of channels: one encoder sees both.
    """

    def __init__(
        self,
        generator: Translator,
        discriminator: Discriminator,
        projection: PatchProjection,
        setup: TrainingSetup,
        adversarial_weight: NonNegativeFloat = 2.0,
        nce: NonNegativeFloat = 1.0,
        identity: bool = True,
        flip_equivariance: bool = False,
        patches: PositiveInt = 256,
        temperature: PositiveFloat = 0.07,
        channels_last: bool = False,
    ) -> None:
        super().__init__(generator, discriminator, setup, adversarial_weight, channels_last)
        if generator.facts.channels != generator.input_channels:
            channels = f"those of A have {generator.input_channels} channels, those of B {generator.facts.channels}"
            raise ConfigError(f"model: CUT encodes images of both domains with one network, but {channels}")
        self.projection = projection
        self._trained["generator"].append(projection)
        self.nce, self.identity, self.flip_equivariance = nce, identity, flip_equivariance
        self.patches, self.temperature = patches, temperature

    @classmethod
    def network_facts(cls, facts: DataFacts) -> dict[str, tuple[str, DataFacts]]:
        """Return the facts of the networks; the projection is built for the translator."""
        return {**super().network_facts(facts), "projection": ("projection", facts)}

    def make(self, inputs: Tensor, images: Tensor) -> tuple[list[Shown], dict[str, Tensor]]:
        """Translate the inputs and, for the identity term, the images, mirrored in half of the steps."""
        mirrored = self.flip_equivariance and bool(self._joint_stream("flip").uniform(1) < 0.5)
        given = torch.cat([inputs, images]) if self.identity else inputs
        out = self.generator(given.flip(-1) if mirrored else given).float()
        fake = out[: len(inputs)]
        made = {"given": given, "out": out, "mirrored": torch.tensor(mirrored)}
        return [Shown(self.sides[0], images, fake)], made

    def terms(self, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the contrastive term: the mean over depths, and over both domains with the identity term."""
        queried = self.generator.encode(made["out"])
        if made["mirrored"]:
            queried = [maps.flip(-1) for maps in queried]
        with torch.no_grad():
            given = self.generator.encode(made["given"])
        positions = draw_positions(queried, self.patches, self._joint_stream("patches"))
        queries = self.projection(queried, positions)
        with torch.no_grad():
            keys = self.projection(given, positions)
        with without_autocast(self.device):
            each = [patch_nce(query, key, self.temperature) for query, key in zip(queries, keys, strict=True)]
        return {"nce": self.nce * torch.stack(each).mean()}
