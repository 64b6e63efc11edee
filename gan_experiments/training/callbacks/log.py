"""The one door through which callbacks log, and how they find each other."""

from __future__ import annotations

from collections.abc import Mapping

import pytorch_lightning as pl

from gan_experiments.systems.base import system_of


def log(trainer: pl.Trainer, values: Mapping[str, float]) -> None:
    """Hand ``values`` to every logger at the clock's images seen, and keep them as the newest."""
    system = system_of(trainer)
    system.latest.update(values)
    for logger in trainer.loggers:
        logger.log_metrics(dict(values), step=system.clock.images_seen)


def callbacks_of(trainer: pl.Trainer) -> list[pl.Callback]:
    """Return a trainer's callbacks, in their order."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks
