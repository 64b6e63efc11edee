"""What callbacks, evaluation and the commands see of a system, whatever it trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.clock import Clock
from gan_experiments.core.contracts import Batch, Generator
from gan_experiments.core.ema import GeneratorEMA
from gan_experiments.core.randomness import Stream
from gan_experiments.systems.schedule import ValueRamp
from gan_experiments.systems.step_statistics import StepStatistics

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
_ABSENT = object()  # unlike null, which a config can give


class System(pl.LightningModule):
    """A LightningModule that trains something which generates images, by one clock.

    Args:
        generator: Maps latents to images.
        ema_half_life: Images after which the generator's moving average has forgotten half; 0: no averaging.
        clock: Images seen; holds the global batch size.
        seed: Of every random number.

    Attributes:
        adversarial: Whether a discriminator takes part.
        ema: The moving average of the generator.
        optimized: The networks that ``optimizer`` names, in the order of the optimizers.
        ramps: Numbers that change during the run, by their keys in the config.
        statistics: Losses, outputs, gradient norms and the like of the steps since they were last read.
    """

    # Arguments that the program hands over.
    provided: ClassVar[tuple[str, ...]] = (
        "loss", "penalties", "augmentations", "optimizers", "schedule", "clip",
        "clock", "seed", "ema_half_life", "d_steps",
    )  # fmt: skip
    adversarial: ClassVar[bool] = True
    optimized: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, generator: Generator, ema_half_life: int, clock: Clock, seed: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.ema = GeneratorEMA(generator, ema_half_life)
        self.clock = clock
        self.seed = seed
        self.ramps: dict[str, ValueRamp] = {}
        self.statistics = StepStatistics()

    @property
    def latent_dim(self) -> int:
        """Length of a latent vector."""
        return self.generator.latent_dim

    @property
    def num_classes(self) -> int:
        """Classes that the generator can be asked for; 0 if it takes no labels."""
        return self.generator.facts.num_classes if self.generator.conditional else 0

    def learning_rates(self) -> dict[str, float]:
        """Return the rates of the last step, by network."""
        raise NotImplementedError

    def updates(self) -> dict[str, int]:
        """Return how many steps each network has taken."""
        raise NotImplementedError

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Give the numbers that change during the run their values for this step."""
        for key, ramp in self.ramps.items():
            self.set_number(key, ramp(self.clock.images_seen))

    def set_number(self, key: str, value: float) -> None:
        """Set what the config names ``key``: the half-life of the moving average, or a beta of an optimizer."""
        if key == "ema.half_life":
            self.ema.half_life = value
            return
        _, network, betas = key.split(".")
        for group in self.trainer.optimizers[self.optimized.index(network)].param_groups:
            first, second = group["betas"]
            group["betas"] = (value, second) if betas == "betas[0]" else (first, value)

    @classmethod
    def ramp_limits(cls, config: ConfigView) -> dict[str, float]:
        """Return the largest value of each number of the config that ``set_number`` can change, by its key."""
        limits: dict[str, float] = {}
        for network in ("generator", "discriminator"):
            betas = config.get(f"optimizer.{network}.betas") or ()
            limits |= {f"optimizer.{network}.betas[{index}]": math.nextafter(1, 0) for index in range(len(betas))}
        return {**limits, "ema.half_life": math.inf}

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Save the clock: with weights, optimizers and the seed it is all of a run's state."""
        checkpoint["images_seen"] = self.clock.images_seen
        checkpoint["statistics"] = self.statistics.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Set the clock to where the checkpoint was saved."""
        self.clock.images_seen = checkpoint["images_seen"]  # type: ignore[assignment]
        self.statistics.load_state_dict(checkpoint["statistics"], self.device)  # type: ignore[arg-type]

    @torch.no_grad()
    def sample(self, latents: Tensor, labels: Tensor | None = None, ema: bool = True) -> Tensor:
        """Generate images ``(N, C, H, W)`` in [-1, 1] in evaluation mode, from the averaged or the raw generator."""
        network = self.ema.module if ema else self.generator
        with evaluation_mode(network):
            images: Tensor = network(latents, labels)
        return images

    def extra_grids(self, batch: Batch, columns: int) -> dict[str, Tensor]:
        """Return what to show beside samples, made from real images, by name: images ``(N, C, H, W)`` in rows."""
        return {}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse parts of a discriminator's training that the system lacks, or would ignore."""
        yield from cls._check_missing(config) if cls.adversarial else cls._check_unused(config)

    @classmethod
    def _check_missing(cls, config: ConfigView) -> Iterator[Problem]:
        for key in ("loss", "optimizer.discriminator"):
            if config.get(key, _ABSENT) is None:
                text = f"{cls.__name__} trains a discriminator and needs one"
                yield Problem(key, f"{text}; null is for systems without a discriminator, such as model=vae")

    @classmethod
    def _check_unused(cls, config: ConfigView) -> Iterator[Problem]:
        reason = f"{cls.__name__} has no discriminator"
        for key in ("loss", "penalty", "augment"):
            if config.get(key):
                yield Problem(key, f"{reason}; take {key}=none")
        if config.get("d_steps") not in (None, 1):
            yield Problem("d_steps", f"{reason}; leave it at 1")
        for key in ("optimizer.discriminator", "optimizer.clip.discriminator"):
            if config.get(key) is not None:
                yield Problem(key, f"{reason}; take optimizer=vae, or set it to null")

    def _stream(self, *keys: str) -> Stream:
        """Return the random numbers of this step that ``keys`` name."""
        world = self.trainer.world_size
        return Stream(self.seed, *keys, self.clock.step, rank=self.global_rank, world_size=world, device=self.device)

    def _minimize(self, loss: Tensor, optimizer: Any) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()


@contextmanager
def evaluation_mode(*networks: nn.Module) -> Iterator[None]:
    """Put networks into evaluation mode for the time of a block."""
    modes = [(module, module.training) for network in networks for module in network.modules()]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def system_of(trainer: pl.Trainer) -> System:
    """Return the system that a trainer trains."""
    module = trainer.lightning_module
    assert isinstance(module, System), f"{type(module).__name__} is not a System"
    return module
