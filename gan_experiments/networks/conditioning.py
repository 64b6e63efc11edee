"""Class conditioning of generators and discriminators.

Shapes: B samples, K classes, F features, E length of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator, DiscriminatorOutput, Generator
from gan_experiments.core.network_rules import check_gradients_of_samples, check_groups
from gan_experiments.core.precision import in_float32, without_autocast
from gan_experiments.core.rules import option
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.minibatch import GROUP, Minibatch, minibatch_layer
from gan_experiments.networks.virtual_batch_norm import REFERENCE

Conditioning = Literal[
    "none", "concatenation", "projection", "classifier", "twin_classifier", "projection_classifier", "contrastive"
]  # fmt: skip

_TRAINED_BY = {
    "classifier": "conditioning=acgan",
    "twin_classifier": "conditioning=tacgan or conditioning=adcgan",
    "projection_classifier": "conditioning=multi_hinge",
    "contrastive": "conditioning=contragan or conditioning=reacgan",
}
_PROJECTIONS = ("projection", "projection_classifier")
EMBEDDING_DIM = 512  # of the contrastive heads; that of ContraGAN and ReACGAN on CIFAR-10


class ConditionalDiscriminator(Discriminator):
    """A discriminator whose output is linear in its features, which a subclass computes.

    With ``"concatenation"`` the input has the class as additional channels (Mirza & Osindero 2014). With
    ``"projection"`` the output has the inner product of features and class embedding added (Miyato & Koyama 2018,
    equation 3). ``"classifier"`` (Odena, Olah & Shlens 2017), ``"twin_classifier"`` of twice as many classes (Gong et
    al. 2019; Hou et al. 2022) and ``"contrastive"`` (Kang & Park 2020: image and class in one embedding space) add a
    ``class_head`` on the features that a penalty trains; the output does not depend on it. ``"projection_classifier"``
    has both a projection and a classifier (Kavalerov et al. 2021).

    Args:
        facts: Size, channels and classes of the images.
        conditioning: How it uses labels.
        packing: Images that it sees at a time.
        minibatch: What the output depends on of the other images of the batch: see ``networks/minibatch.py``.

    Raises:
        ConfigError: The images have no labels.
    """

    def __init__(
        self, facts: DataFacts, conditioning: Conditioning, packing: int = 1, minibatch: Minibatch = "none"
    ) -> None:
        super().__init__(facts, packing)
        self._minibatch = minibatch
        self.conditional = with_labels(facts, conditioning != "none")
        self.conditioning = conditioning
        self.seen_classes = facts.num_classes if conditioning == "concatenation" else 0

    def add_heads(self, num_features: int, bias: bool = True) -> None:
        """Create the layers on features ``(B, num_features)``; a subclass calls it last in its constructor."""
        classes = self.facts.num_classes
        self.minibatch, added = minibatch_layer(self._minibatch, num_features)
        self.head = nn.Linear(num_features + added, 1, bias=bias)
        self.projection = nn.Embedding(classes, num_features) if self.conditioning in _PROJECTIONS else None
        self.class_head = None
        if self.conditioning in ("classifier", "projection_classifier"):
            self.class_head = nn.Linear(num_features, classes, bias=False)
        elif self.conditioning == "twin_classifier":
            self.class_head = nn.Linear(num_features, 2 * classes, bias=False)
        elif self.conditioning == "contrastive":
            self.class_head = ClassSpace(num_features, classes)
        if self.projection is not None:
            nn.init.xavier_uniform_(self.projection.weight)

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return outputs ``(B,)`` and the features ``(B, F)`` they were computed from.

        The head runs in float32 even under autocast: outputs of a spectrally normalized network often differ by less
        than the precision of bfloat16.
        """
        features = self.features(images, labels)
        with without_autocast(features.device):
            features = in_float32(features)
            seen = features if self.minibatch is None else self.minibatch(features)
            output: Tensor = self.head(seen).squeeze(1)
            if self.projection is not None:
                output = output + (self.projection(labels) * features).sum(dim=1)
        return DiscriminatorOutput(output, features)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` in [-1, 1] and labels ``(B,)``, if conditional, to logits ``(B,)``."""
        return self.forward_with_features(images, labels).output

    def with_planes(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return packed images, with one-hot class channels ``(B, C + K, H, W)`` under concatenation."""
        images = self.packed(images)
        if not self.seen_classes:
            return images
        planes = one_hot_of(labels, self.seen_classes, images)[:, :, None, None].expand(-1, -1, *images.shape[2:])
        return torch.cat([images, planes], dim=1)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a class head that no penalty trains; warn of penalties on the gradient of each of images compared."""
        yield from super().check(key, options, config)
        if option(config, key, "minibatch") not in (None, "none"):
            yield from check_gradients_of_samples(f"{key}.minibatch", "none", config)
        if option(config, key, "minibatch") == "deviation":
            yield from check_groups(f"{key}.minibatch", GROUP, config)
        conditioning = option(config, key, "conditioning")
        trained = any(getattr(penalty, "trains", "") for penalty in config.components("penalty").values())
        if conditioning in _TRAINED_BY and not trained:
            text = f"no penalty trains the {conditioning} head; take {_TRAINED_BY[conditioning]}"
            yield Problem(f"{key}.conditioning", text)


class LayeredGenerator(Generator):
    """A generator that is a sequence of layers, ``self.layers``; a subclass creates them, the first one linear.

    If conditional, the one-hot class is appended to the latent (Mirza & Osindero 2014).

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        conditional: Whether it generates images of a given class.

    Attributes:
        input_dim: Input length of the first layer.

    Raises:
        ConfigError: The images have no labels to condition on.
    """

    layers: nn.Sequential
    reference: Tensor | None

    def __init__(self, facts: DataFacts, latent_dim: int, conditional: bool) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        self.seen_classes = facts.num_classes if conditional else 0
        self.input_dim = latent_dim + self.seen_classes
        self.register_buffer("reference", None)

    def use_reference(self) -> None:
        """Draw the reference batch of virtual batch norm, which never changes: latents, and labels if conditional."""
        given = torch.randn(REFERENCE, self.latent_dim)
        labels = torch.randint(self.seen_classes, (REFERENCE,)) if self.seen_classes else None
        self.reference = with_one_hot(given, labels, self.seen_classes)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if conditional, to ``(B, C, H, W)`` in [-1, 1]."""
        given = with_one_hot(latents, labels, self.seen_classes)
        if self.reference is None:
            images: Tensor = self.layers(given)
            return images
        images = self.layers(torch.cat([self.reference.to(given), given]))
        return images[len(self.reference) :]

    def style_weight(self) -> Tensor:
        """Return the weight of the first layer for the latent, without the class: ``(F, latent_dim)``."""
        weight: Tensor = self.layers[0].weight  # type: ignore[assignment]
        return weight[:, : self.latent_dim]


class ClassSpace(nn.Module):
    """A projection of features to unit vectors, and a proxy vector for each class (Kang & Park 2020, section 3.2).

    Args:
        num_features: Length of a feature vector.
        num_classes: Number of classes.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.embed = nn.Linear(num_features, EMBEDDING_DIM)
        self.proxies = nn.Embedding(num_classes, EMBEDDING_DIM)

    def forward(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Map features ``(B, F)`` and labels ``(B,)`` to embeddings and class proxies, ``(B, E)`` each."""
        return normalize(self.embed(features), dim=1), normalize(self.proxies(labels), dim=1)


def with_labels(facts: DataFacts, conditional: bool) -> bool:
    """Return whether a network is conditional, which it cannot be for images without labels.

    Raises:
        ConfigError: It is, and they have none.
    """
    if conditional and not facts.num_classes:
        raise ConfigError(f"model: {facts.name} has no labels for a conditional network; set conditioning=none")
    return conditional


def one_hot_of(labels: Tensor | None, num_classes: int, like: Tensor) -> Tensor:
    """Return the one-hot encoding of labels, ``(B, K)``, with data type and device of ``like``.

    Raises:
        ValueError: There are no labels.
    """
    if labels is None:
        raise ValueError("a conditional network needs labels")
    return one_hot(labels, num_classes).to(like)


def with_one_hot(vectors: Tensor, labels: Tensor | None, num_classes: int) -> Tensor:
    """Append the one-hot class to vectors ``(B, D)``: ``(B, D + K)``; the vectors if ``num_classes`` is 0."""
    return torch.cat([vectors, one_hot_of(labels, num_classes, vectors)], dim=1) if num_classes else vectors
