"""The sections of a config of ``gan-train`` that hold plain values, no components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gan_experiments.config import root_rules
from gan_experiments.config.annotations import Section
from gan_experiments.core.types import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Share


@dataclass
class Budget(Section):
    """When a run is finished.

    Attributes:
        images: Real images the discriminator is shown.
    """

    images: PositiveInt


@dataclass
class Stop(Section):
    """When a run ends before its budget is spent.

    Attributes:
        patience: Images seen without a better periodic evaluation; ``None``: it does not.
    """

    patience: PositiveInt | None = None

    check = staticmethod(root_rules.check_stop)


@dataclass
class Initial(Section):
    """What is taken from ``init_from``.

    Attributes:
        networks: One network; ``None``: all.
        generator: The averaged generator, or the raw one, which a file of a generator does not have; ``None``: ``ema``.
        strict: Refuse a source of which not everything fits, and one that lacks something.
    """

    networks: Literal["generator", "discriminator", "encoder"] | None = None
    generator: Literal["ema", "raw"] | None = None
    strict: bool | None = None

    check = staticmethod(root_rules.check_initial)


@dataclass
class Freeze(Section):
    """What keeps its weights and buffers during the run.

    Attributes:
        generator: Blocks, counted from the image, or patterns of names; ``None``: nothing.
        discriminator: The same (FreezeD, Mo et al. 2020).
    """

    generator: PositiveInt | list[str] | None = None
    discriminator: PositiveInt | list[str] | None = None

    check = staticmethod(root_rules.check_freeze)


@dataclass
class Average(Section):
    """The moving average of the generator's weights.

    Attributes:
        half_life: Images after which an old weight counts half; 0 turns it off.
        start: Images seen until which the average equals the network.
        rampup: Largest half-life as a share of the images seen; ``None`` sets no bound.
    """

    half_life: NonNegativeInt
    start: NonNegativeInt = 0
    rampup: Share | None = None

    check = staticmethod(root_rules.check_average)


@dataclass
class Schedule(Section):
    """The factor of both learning rates over the run.

    Attributes:
        kind: How they fall from 1 at ``start`` to ``final`` at ``end``.
        warmup: Images over which they rise from 0.
        start: Images at which they begin to fall.
        end: Images at which they have fallen; ``None``: the budget.
        final: The factor from then on.
    """

    kind: Literal["constant", "linear", "cosine"]
    warmup: NonNegativeInt
    start: NonNegativeInt
    end: PositiveInt | None
    final: Fraction = 0.0

    check = staticmethod(root_rules.check_schedule)


@dataclass
class Ramp(Section):
    """Numbers of the config that move to another value during the run, from the one they have in the config.

    Attributes:
        keys: Which: ``penalty.<name>.weight``, ``ema.half_life``, ``optimizer.<network>.betas[<0 or 1>]``,
            ``augment.<name>.p`` if it does not adapt, ``model.beta`` of a VAE.
        to: Their value from ``end`` on.
        end: Images at which the move ends; ``None``: the budget.
        start: Images at which it begins.
        kind: In a line, or along half a period of a cosine.
    """

    keys: list[str]
    to: NonNegativeFloat
    end: PositiveInt | None = None
    start: NonNegativeInt = 0
    kind: Literal["linear", "cosine"] = "cosine"

    check = staticmethod(root_rules.check_ramp)


@dataclass
class Clip(Section):
    """The largest norm of each network's gradient; ``None`` does not clip."""

    generator: PositiveFloat | None
    discriminator: PositiveFloat | None


@dataclass
class Trainer(Section):
    """Where a run is computed.

    Attributes:
        accelerator: Kind of device.
        devices: Processes, one on each device, on every node; ``auto``: all there are.
        num_nodes: Machines.
        strategy: ``ddp`` for more than one process.
        precision: Of the forward passes; penalties and metrics keep float32 and more.
        deterministic: Refuse operations whose result depends on timing.
        sync_batchnorm: Let several processes normalize over the batch of all.
    """

    accelerator: Literal["cpu", "gpu", "auto"]
    devices: PositiveInt | Literal["auto"]
    num_nodes: PositiveInt
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    deterministic: bool
    sync_batchnorm: bool

    check = staticmethod(root_rules.check_trainer)
