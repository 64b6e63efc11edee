"""VAE training: encoder and decoder with one optimizer, as a baseline for GANs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Batch, Encoder, Generator
from gan_experiments.core.evaluation_mode import evaluation_mode
from gan_experiments.core.images import is_points, to_float
from gan_experiments.core.precision import without_autocast
from gan_experiments.core.types import ConfigError, NonNegativeFloat, PositiveFloat, PositiveInt
from gan_experiments.systems.base import System
from gan_experiments.systems.likelihood import bernoulli, gaussian, kl_to_standard_normal
from gan_experiments.systems.microbatch import check_microbatch, divided
from gan_experiments.systems.optimization import trained
from gan_experiments.systems.setup import TrainingSetup

INITIAL_SIGMA = 0.5  # of a learned sigma; pixels are in [-1, 1]


class Bound(NamedTuple):
    """The two terms of the evidence lower bound of each image, in nats, ``(B,)``: the bound is their difference."""

    log_likelihood: Tensor
    divergence: Tensor


class VAE(System):
    """Variational inference with one latent sample per image (Kingma & Welling 2014, equation 10).

    The decoder is a generator: it is averaged, evaluated, sampled and exported like a GAN's. A conditional generator
    receives the labels, the encoder does not. The loss is the negative bound with its divergence times ``beta``; the
    bound is logged without ``beta``.

    Args:
        generator: Maps latents to the mean of the images.
        encoder: Maps images to a Gaussian over latents.
        setup: What it is trained with; the optimizer of ``"generator"`` trains the encoder as well.
        likelihood: Of the pixels: Gaussian, or for grayscale images Bernoulli with the gray level as probability.
        sigma: Standard deviation of the Gaussian; ``None``: learned, one for all pixels (Rybkin et al. 2021); ``auto``:
            0.5 for images of 8 pixels, and in proportion to the square root of their side.
        beta: Weight of the divergence (Higgins et al. 2017).
        channels_last: Memory format of weights and images: faster convolutions, different rounding.
        microbatch: Images per process that a step computes at a time, which takes less memory and gives the same
            gradients up to rounding. ``None``: all at once.

    Raises:
        ConfigError: A Bernoulli likelihood for images with several channels, or of a generator whose images are not
            bounded.
    """

    adversarial: ClassVar[bool] = False

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        setup: TrainingSetup,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        sigma: PositiveFloat | Literal["auto"] | None = None,
        beta: NonNegativeFloat = 1.0,
        channels_last: bool = False,
        microbatch: PositiveInt | None = None,
    ) -> None:
        facts = generator.facts
        if likelihood == "bernoulli" and facts.channels != 1:
            text = f"bernoulli is for grayscale images; {facts.name} has {facts.channels} channels"
            raise ConfigError(f"model.likelihood: {text}")
        if likelihood == "bernoulli" and not generator.bounded:
            text = f"{type(generator).__name__} does not end with tanh here, or does not say bounded = True"
            raise ConfigError(f"model.likelihood: bernoulli: {text}: its images are no probabilities; take gaussian")
        layout = torch.channels_last if channels_last else torch.contiguous_format
        super().__init__(generator.to(memory_format=layout), setup)
        self.encoder = encoder.to(memory_format=layout)
        self.beta = beta
        self.microbatch = microbatch
        self._level = 2 / facts.levels  # the width of one in [-1, 1]
        self.log_sigma: nn.Parameter | None = None
        if likelihood == "gaussian":
            # The divergence has to hold its ground against more pixels: otherwise samples of the prior are no images.
            sigma = INITIAL_SIGMA * math.sqrt(math.sqrt(facts.height * facts.width) / 8) if sigma == "auto" else sigma
            start = torch.tensor(math.log(sigma or INITIAL_SIGMA))
            self.log_sigma = nn.Parameter(start, requires_grad=sigma is None)
        self._layout = layout

    def bound(self, images: Tensor, noise: Tensor, labels: Tensor | None = None) -> Bound:
        """Return the terms of the evidence lower bound in float32, whatever the precision of the networks.

        Args:
            images: ``(B, C, H, W)`` in [-1, 1].
            noise: Standard normal, ``(B, latent_dim)``, from which the latents are sampled.
            labels: ``(B,)``, for a conditional generator.
        """
        mean, log_variance = (moment.float() for moment in self.encoder(images))
        latents = mean + (0.5 * log_variance).exp() * noise
        decoded = self.generator(latents, labels).float()
        with without_autocast(self.device):
            fits = bernoulli(images, decoded) if self.log_sigma is None else gaussian(images, decoded, self.log_sigma)
            return Bound(fits, kl_to_standard_normal(mean, log_variance))

    def step(self, batch: Batch) -> None:
        """Take one step of encoder and decoder."""
        self._seed_noise()
        images = to_float(batch.images).to(memory_format=self._layout)
        labels = batch.labels if self.num_classes else None
        for part in self._in_parts(divided(Batch(images, labels), self.microbatch)):
            self._train_on(*part)
        self.ema.update(self.generator, self.clock.batch_size, self.clock.images_seen)
        self.statistics.record(self.clock.step, {"gradient_norm/generator": self._gradient_norms["generator"]})
        self.clock.advance()

    def _train_on(self, images: Tensor, labels: Tensor | None) -> None:
        noise = self._stream("latents", "encoder").normal(len(images), self.latent_dim)
        terms = self.bound(images, noise, labels)
        fits, divergence = terms.log_likelihood.mean(), terms.divergence.mean()
        loss = self.beta * divergence - fits
        self._minimize(loss, self._optimizer("generator"))
        values = {"loss/vae": loss, "vae/elbo": fits - divergence, "vae/reconstruction": -fits, "vae/kl": divergence}
        if self.log_sigma is not None:
            values["vae/sigma"] = self.log_sigma.detach().exp()
            if not is_points(images):
                nats = (divergence - fits) / images[0].numel()
                values["vae/bits_per_dim"] = (nats - math.log(self._level)) / math.log(2)
        self.statistics.record(self.clock.step, values)

    @torch.no_grad()
    def reconstruct(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Decode the posterior mean of images: ``(B, C, H, W)`` in [-1, 1] to the same shape."""
        with evaluation_mode(self.encoder, self.generator):
            decoded: Tensor = self.generator(self.encoder(images)[0], labels if self.num_classes else None)
        return decoded

    def extra_grids(self, batch: Batch, columns: int) -> dict[str, Tensor]:
        """Return ``"reconstructions"``: rows of images, each followed by a row of their reconstructions."""
        images = to_float(batch.images)
        if is_points(images):
            return {}
        pair = images, self.reconstruct(images, batch.labels)
        rows = zip(*(torch.split(each, columns) for each in pair), strict=True)
        return {"reconstructions": torch.cat([row for both in rows for row in both])}

    def set_number(self, key: str, value: float) -> None:
        """Set the weight of the divergence, or what a ramp can change in every system."""
        if key == "model.beta":
            self.beta = value
        else:
            super().set_number(key, value)

    @classmethod
    def ramp_limits(cls, config: ConfigView) -> dict[str, float]:
        """Return the keys that ``set_number`` can change in this config, each with its largest value."""
        beta = {"model.beta": math.inf} if isinstance(config.get("model.beta"), (int, float)) else {}
        return beta | super().ramp_limits(config)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse sigma and reduced precision with a Bernoulli likelihood, and parts that do not divide the batch."""
        yield from super().check(key, options, config)
        if config.get(f"{key}.microbatch") is not None:
            yield from check_microbatch(key, config)
        if config.get(f"{key}.likelihood") != "bernoulli":
            return
        if config.get(f"{key}.sigma") not in (None, "auto"):
            text = f"a Bernoulli likelihood has no sigma; set it to null, or take {key}.likelihood=gaussian"
            yield Problem(f"{key}.sigma", text)
        if config.get("trainer.precision") not in (None, "32-true"):
            reason = "half precision cannot represent probabilities near 0 and 1"
            hint = f"take 32-true, or {key}.likelihood=gaussian"
            yield Problem("trainer.precision", f"a Bernoulli likelihood needs float32: {reason}; {hint}")

    def updates(self) -> dict[str, int]:
        """Return how many steps the networks have taken."""
        return {"generator": self.clock.step, "encoder": self.clock.step}

    def trained_by(self, network: str) -> list[nn.Parameter]:
        """Return the weights of decoder and encoder, and a learned ``sigma``: there is one optimizer for all."""
        learned = [] if self.log_sigma is None or not self.log_sigma.requires_grad else [self.log_sigma]
        return [*trained(self.generator, self.encoder), *learned]
