"""The base class of systems: LightningModules that train a generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Batch, Generator
from gan_experiments.core.ema import GeneratorEMA
from gan_experiments.core.evaluation_mode import generated
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.sampling.standing import refuse_standing, with_standing_statistics
from gan_experiments.systems.manual_steps import NETWORKS, ManualSteps
from gan_experiments.systems.microbatch import refuse_microbatch
from gan_experiments.systems.schedule import ValueRamp
from gan_experiments.systems.setup import TrainingSetup
from gan_experiments.systems.step_statistics import StepStatistics

if TYPE_CHECKING:
    from typing_extensions import Self

Shape = tuple[int, ...]
_ABSENT = object()  # not ``None``, which a config can set


class System(ManualSteps):
    """A LightningModule that trains a generator; run loop, evaluation and commands use nothing but this interface.

    Attributes:
        provided: Constructor arguments that the program passes; a config cannot set them.
        adversarial: Whether a discriminator is trained.
        translates: Whether it translates images instead of generating them from latents.
        ema: The moving average of the generator.
        ramps: Values that change during the run, by their keys in the config.
        frozen: Names of the parts whose weights and buffers do not change.
        microbatch: Images that a step of a process computes at a time; ``None``: all at once.
        standing_batches: Batches of the standing statistics of batch norm; 0: those of training.
        statistics: Losses, outputs, gradient norms and the like of the steps since they were last read.
        pauses: Returns whether anything is due after the step just taken; the run loop sets it.
    """

    provided: ClassVar[tuple[str, ...]] = ("setup",)
    adversarial: ClassVar[bool] = True
    translates: ClassVar[bool] = False

    def __init__(self, generator: Generator, setup: TrainingSetup) -> None:
        super().__init__(setup)
        self.generator = generator
        self.ema = GeneratorEMA(generator, setup.ema_half_life)
        self.ramps: dict[str, ValueRamp] = {}
        self.frozen: list[str] = []
        self.standing_batches = 0
        self.microbatch: int | None = None
        self.statistics = StepStatistics()
        self.pauses: Callable[[], bool] = lambda: True

    @property
    def latent_dim(self) -> int:
        """Length of a latent vector."""
        return self.generator.latent_dim

    @property
    def num_classes(self) -> int:
        """Number of classes of a conditional generator; 0 if it takes no labels."""
        return self.generator.facts.num_classes if self.generator.conditional else 0

    def freeze_parts(self, network: str, parts: Sequence[str]) -> None:
        """Keep parts of a network, by their names in it, as they are: no gradient, and always in evaluation mode.

        Raises:
            ConfigError: Nothing of the network is left to train.
        """
        self.frozen += [f"{network}.{part}" for part in parts]
        for name, weight in self.named_parameters():
            if self._is_frozen(name):
                weight.requires_grad = False
        if not any(weight.requires_grad for weight in getattr(self, network).parameters()):
            raise ConfigError(f"freeze.{network}: nothing of the {network} is left to train")
        self.train(self.training)

    def refuse_batch(self, processes: int) -> None:
        """Refuse a batch that the networks, some parts of which may be frozen by now, cannot take in so many processes.

        Microbatches have to divide the share of a process, and no network may compare all its images.

        Raises:
            ConfigError: Says why.
        """
        packing, size = getattr(getattr(self, "discriminator", None), "packing", 1), self.clock.batch_size
        if packing > 1 and size % (processes * packing):
            raise ConfigError(f"batch_size: {size} images are no whole number of packs of {packing} in each process")
        if self.microbatch is not None:
            refuse_microbatch(self.networks(), self.microbatch, size // processes)

    def on_fit_start(self) -> None:
        """Refuse the batch if nobody has done so before."""
        self.refuse_batch(self.trainer.world_size)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules; frozen ones stay in evaluation mode, in which no buffer changes."""
        super().train(mode)
        for name, module in self.named_modules() if self.frozen else ():
            if self._is_frozen(name):
                module.training = False
        return self

    def _is_frozen(self, name: str) -> bool:
        return any(name == part or name.startswith(f"{part}.") for part in self.frozen)

    @property
    def averages(self) -> dict[str, GeneratorEMA]:
        """The moving averages, by the name of the attribute."""
        return {"ema": self.ema}

    @classmethod
    def network_facts(cls, facts: DataFacts) -> dict[str, tuple[str, DataFacts]]:
        """Return, for each network, the key below ``model`` that describes it and the facts that it is built from.

        In the order in which they are built; a network that the config does not describe is not built.
        """
        return {name: (name, facts) for name in NETWORKS}

    def shapes(self, facts: DataFacts) -> list[tuple[str, Shape, list[Shape]]]:
        """Return, for each network, the shape of an input and those of its outputs, all without the batch."""
        image, latents = facts.shape, (self.latent_dim,)
        cases: list[tuple[str, Shape, list[Shape]]] = [
            ("generator", latents, [image]),
            ("discriminator", image, [()]),
            ("encoder", image, [latents, latents]),
        ]
        return [case for case in cases if getattr(self, case[0], None) is not None]

    def updates(self) -> dict[str, int]:
        """Return how many steps each network has taken."""
        raise NotImplementedError

    def training_step(self, dataloader_iter: Iterator[tuple[Any, int, int]]) -> None:
        """Take steps until something is due: what Lightning does around this call takes as long as a small step."""
        vars(self).update(self._modules)  # where Python looks first; the way through nn.Module takes ten times as long
        while True:
            batch, *_ = next(dataloader_iter)
            for key, ramp in self.ramps.items():
                self.set_number(key, ramp(self.clock.images_seen))
            self.step(batch.to(self.device))
            if self.pauses():
                return

    def step(self, batch: Any) -> None:
        """Train on a ``Batch``, or ``TranslationBatch``, record the statistics of the step and advance the clock."""
        raise NotImplementedError

    def set_number(self, key: str, value: float) -> None:
        """Set the value of a key that a ramp can change: ``ema.half_life`` or a beta of an optimizer.

        Raises:
            ValueError: A ramp cannot change this key.
        """
        match key.replace("[", ".[").split("."):
            case ["ema", "half_life"]:
                self.ema.half_life = value
            case ["optimizer", network, "betas", "[0]"]:
                self._set_betas(network, first=value)
            case ["optimizer", network, "betas", "[1]"]:
                self._set_betas(network, second=value)
            case _:
                raise ValueError(f"{key} cannot change during a run of {type(self).__name__}")

    def _set_betas(self, network: str, first: float | None = None, second: float | None = None) -> None:
        for group in self.trainer.optimizers[self.optimized.index(network)].param_groups:
            before = group["betas"]
            group["betas"] = (before[0] if first is None else first, before[1] if second is None else second)

    @classmethod
    def ramp_limits(cls, config: ConfigView) -> dict[str, float]:
        """Return the keys that ``set_number`` can change in this config, each with its largest value."""
        limits: dict[str, float] = {}
        for network in ("generator", "discriminator"):
            betas = config.get(f"optimizer.{network}.betas") or ()
            limits |= {f"optimizer.{network}.betas[{index}]": math.nextafter(1, 0) for index in range(len(betas))}
        return {**limits, "ema.half_life": math.inf}

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Save the clock and unread statistics; weights and optimizers are saved by Lightning."""
        checkpoint["images_seen"] = self.clock.images_seen
        checkpoint["statistics"] = self.statistics.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Restore the clock and the unread statistics."""
        self.clock.images_seen = checkpoint["images_seen"]  # type: ignore[assignment]
        self.statistics.load_state_dict(checkpoint["statistics"], self.device)  # type: ignore[arg-type]

    def use_standing_statistics(self, batches: int, key: str) -> None:
        """Compute the statistics of batch norm anew from so many batches wherever the generator is evaluated.

        Raises:
            ConfigError: The generator has no batch norm, or no latents; names ``key``.
        """
        refuse_standing(self.generator, batches, key)
        self.standing_batches = batches

    def evaluated(self, ema: bool = True, truncation: float | None = None) -> Generator:
        """Return the averaged or the raw generator as it is evaluated: with standing statistics if there are any.

        Those are of latents of this ``truncation``.
        """
        network: Any = self.ema.module if ema else self.generator
        if self.standing_batches:
            batches, size = self.standing_batches, self.clock.batch_size
            network = with_standing_statistics(network, batches, size, self.seed, truncation)
        return cast(Generator, network)

    @torch.no_grad()
    def sample(self, latents: Tensor, labels: Tensor | None = None, ema: bool = True) -> Tensor:
        """Generate images ``(N, C, H, W)`` in [-1, 1] with the averaged or the raw generator, as it is evaluated."""
        return generated(self.evaluated(ema), latents, labels)

    def extra_grids(self, batch: Batch, columns: int) -> dict[str, Tensor]:
        """Return further grids to draw beside the samples, by name: images ``(N, C, H, W)`` in rows of ``columns``.

        The real images of ``batch`` are the same ones for every grid.
        """
        return {}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a missing loss or discriminator optimizer; without a discriminator, refuse what would be ignored.

        Refuse a dataset with inputs for a system that does not translate them.
        """
        domains = getattr(config.component("dataset"), "domains", "")
        if domains and not cls.translates:
            text = f"{cls.__name__} generates images from noise and would ignore the inputs of the dataset"
            yield Problem(key, f"{text}; take model={'pix2pix, ' * (domains == 'paired')}cyclegan or cut")
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


def system_of(trainer: pl.Trainer) -> System:
    """Return the system that a trainer trains."""
    module = trainer.lightning_module
    assert isinstance(module, System), f"{type(module).__name__} is not a System"
    return module
