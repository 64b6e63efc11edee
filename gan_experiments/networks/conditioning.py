"""Ways to tell networks which class is meant.

Shapes: B samples, K classes, F features, E numbers of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator, DiscriminatorOutput, Generator
from gan_experiments.core.precision import in_float32
from gan_experiments.core.rules import option
from gan_experiments.core.types import ConfigError, DataFacts

Conditioning = Literal["none", "concatenation", "projection", "classifier", "contrastive"]

_TRAINED_BY = {"classifier": "conditioning=acgan", "contrastive": "conditioning=contragan or conditioning=reacgan"}
EMBEDDING_DIM = 512  # of the contrastive heads, as ContraGAN's and ReACGAN's authors have it on CIFAR-10


class ConditionalDiscriminator(Discriminator):
    """A discriminator whose output is linear in its features; a subclass says what those are.

    Conditioned by ``"concatenation"``, it sees the class beside the image (Mirza & Osindero 2014). By ``"projection"``,
    it adds the product of its features with a vector of the class (Miyato & Koyama 2018, equation 3). With
    ``"classifier"`` it names the class (Odena et al. 2017), with ``"contrastive"`` it embeds image and class in one
    space (Kang & Park 2020): those two are a ``class_head`` that a penalty trains, the output knows nothing of it.

    Args:
        facts: Size, channels and classes of the images.
        conditioning: The way.

    Raises:
        ConfigError: The images carry no labels.
    """

    def __init__(self, facts: DataFacts, conditioning: Conditioning) -> None:
        super().__init__(facts)
        self.conditional = conditioning != "none"
        self.conditioning = conditioning
        if self.conditional:
            require_labels(facts)
        self.seen_classes = facts.num_classes if conditioning == "concatenation" else 0

    def add_heads(self, num_features: int, bias: bool = True) -> None:
        """Make what turns features ``(B, num_features)`` into outputs; comes last in a subclass's constructor."""
        classes = self.facts.num_classes
        self.head = nn.Linear(num_features, 1, bias=bias)
        self.projection = nn.Embedding(classes, num_features) if self.conditioning == "projection" else None
        self.class_head = None
        if self.conditioning == "classifier":
            self.class_head = nn.Linear(num_features, classes, bias=False)
        elif self.conditioning == "contrastive":
            self.class_head = ClassSpace(num_features, classes)
        if self.projection is not None:
            nn.init.xavier_uniform_(self.projection.weight)

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return outputs ``(B,)`` and the features ``(B, F)`` they were made from.

        From the features on in float32, also under autocast: outputs of a spectrally normalized network often differ by
        less than the eight bits of bfloat16 can tell.
        """
        features = self.features(images, labels)
        with torch.autocast(features.device.type, enabled=False):
            features = in_float32(features)
            output: Tensor = self.head(features).squeeze(1)
            if self.projection is not None:
                output = output + (self.projection(labels) * features).sum(dim=1)
        return DiscriminatorOutput(output, features)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` in [-1, 1] and labels ``(B,)``, if it is conditional, to logits ``(B,)``."""
        return self.forward_with_features(images, labels).output

    def with_planes(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return images with a plane for each class, 1 for its own, if they are to be seen: ``(B, C + K, H, W)``."""
        if not self.seen_classes:
            return images
        planes = indicator(labels, self.seen_classes, images)[:, :, None, None].expand(-1, -1, *images.shape[2:])
        return torch.cat([images, planes], dim=1)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a class head that no penalty trains."""
        yield from super().check(key, options, config)
        conditioning = option(config, key, "conditioning")
        trained = any(getattr(penalty, "trains", "") for penalty in config.components("penalty").values())
        if conditioning in _TRAINED_BY and not trained:
            text = f"no penalty trains the {conditioning} head; take {_TRAINED_BY[conditioning]}"
            yield Problem(f"{key}.conditioning", text)


class LayeredGenerator(Generator):
    """A generator that is a sequence of layers, ``self.layers``, the first of them linear, which a subclass makes.

    Conditional, it sees the class beside the latent (Mirza & Osindero 2014).

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        conditional: Whether it makes images of a class that is asked for.

    Attributes:
        input_dim: Length of what the first layer sees.

    Raises:
        ConfigError: It is to be conditional on labels that there are not.
    """

    layers: nn.Sequential

    def __init__(self, facts: DataFacts, latent_dim: int, conditional: bool) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = conditional
        if conditional:
            require_labels(facts)
        self.seen_classes = facts.num_classes if conditional else 0
        self.input_dim = latent_dim + self.seen_classes

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if it is conditional, to ``(B, C, H, W)`` in [-1, 1]."""
        images: Tensor = self.layers(with_indicator(latents, labels, self.seen_classes))
        return images

    def style_weight(self) -> Tensor:
        """Return the weight of the first layer, the class aside: ``(F, latent_dim)``."""
        weight: Tensor = self.layers[0].weight  # type: ignore[assignment]
        return weight[:, : self.latent_dim]


class ClassSpace(nn.Module):
    """A space of unit vectors that has a place for each class: its proxy (Kang & Park 2020, section 3.2).

    Args:
        num_features: Length of a feature vector.
        num_classes: Number of classes.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.embed = nn.Linear(num_features, EMBEDDING_DIM)
        self.proxies = nn.Embedding(num_classes, EMBEDDING_DIM)

    def forward(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Map features ``(B, F)`` and labels ``(B,)`` to embeddings and proxies of the classes, ``(B, E)`` each."""
        return normalize(self.embed(features), dim=1), normalize(self.proxies(labels), dim=1)


def require_labels(facts: DataFacts) -> None:
    """Refuse to condition on what is not there.

    Raises:
        ConfigError: The images carry no labels.
    """
    if not facts.num_classes:
        raise ConfigError(f"model: a conditional network needs labels, which {facts.name} has not: conditioning=none")


def indicator(labels: Tensor | None, num_classes: int, like: Tensor) -> Tensor:
    """Return 1 at the class of each sample and 0 elsewhere: ``(B, K)``, of the kind of ``like``.

    Raises:
        ValueError: There are no labels.
    """
    if labels is None:
        raise ValueError("a conditional network needs labels")
    return one_hot(labels, num_classes).to(like)


def with_indicator(vectors: Tensor, labels: Tensor | None, num_classes: int) -> Tensor:
    """Append the class to vectors ``(B, D)``, as ``(B, D + K)``; if there are no classes, nothing."""
    return torch.cat([vectors, indicator(labels, num_classes, vectors)], dim=1) if num_classes else vectors
