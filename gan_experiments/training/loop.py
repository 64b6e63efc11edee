"""The run loop: what happens after every training step, in order."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.strategies import SingleDeviceStrategy
from pytorch_lightning.utilities.model_helpers import is_overridden

from gan_experiments.core.clock import Clock
from gan_experiments.core.types import DivergedError
from gan_experiments.data.base import ImageData
from gan_experiments.metrics.processes import Processes
from gan_experiments.runs.stop_rule import StopRule
from gan_experiments.systems.base import system_of
from gan_experiments.training.callbacks.checkpoint import Checkpoint
from gan_experiments.training.callbacks.evaluation import Evaluation
from gan_experiments.training.callbacks.failure_monitor import FailureMonitor
from gan_experiments.training.callbacks.monitor import Monitor
from gan_experiments.training.callbacks.progress import LINES, ProgressBar
from gan_experiments.training.callbacks.samples import SampleGrid
from gan_experiments.training.callbacks.stop import EvaluationStoppedError, Stop
from gan_experiments.training.loggers.base import RunLogger

LONGEST = 0.2  # seconds of steps without a return to Lightning: the progress bar has to be updated
STEP_HOOKS = (
    "on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_before_backward", "on_after_backward",
    "on_before_optimizer_step",
)  # fmt: skip


class RunLoop(pl.Callback):
    """Monitors, evaluates, samples, saves and stops: one Lightning callback for everything that follows a step.

    After a step that nothing follows, the system takes the next one without returning to Lightning; with several
    processes or a user's callback that watches steps, it always returns.

    Parts that are ``None`` are skipped. Callbacks of the user run between sampling and saving: they see the latest
    values, and a checkpoint of the same step holds their state. A ``rule`` stops the run by its periodic evaluations.

    Attributes:
        latest: The latest value of every scalar that was logged, by name.
        stop: The signals that end the run early.
    """

    def __init__(
        self,
        monitor: Monitor | None = None,
        evaluation: Evaluation | None = None,
        samples: SampleGrid | None = None,
        checkpoint: Checkpoint | None = None,
        progress: ProgressBar | None = None,
        failures: FailureMonitor | None = None,
        rule: StopRule | None = None,
    ) -> None:
        self.monitor = monitor
        self.evaluation = evaluation
        self.samples = samples
        self.checkpoint = checkpoint
        self.progress = progress
        self.failures = failures
        self.rule = rule
        self.stop = Stop()
        self.latest: dict[str, float] = {}
        self._step: Iterator[None] = iter(())
        self._clock = Clock(1, 0)
        self._next_due = 0  # images seen
        self._until = 0.0

    def _pauses(self) -> bool:
        """Return whether ``after_step`` has anything to do after the step just taken."""
        due = self._clock.images_seen >= self._next_due or self.stop.signal != 0
        return due or time.perf_counter() > self._until

    def _resume(self) -> None:
        """Determine until when nothing has to be done after a step."""
        seen, budget = self._clock.images_seen, self._clock.budget
        parts = (self.monitor, self.evaluation, self.samples, self.checkpoint)
        intervals = [part.every for part in parts if part] + [max(1, budget // LINES)] * bool(self.progress)
        self._next_due = min([budget, *((seen // every + 1) * every for every in intervals)])
        self._until = time.perf_counter() + LONGEST

    def after_step(self, trainer: pl.Trainer) -> Iterator[None]:
        """Do what is due after a step, or after an interrupted evaluation; suspended while the user's callbacks run."""
        try:
            improved, overdue = self._look(trainer)
        except EvaluationStoppedError:
            if self.checkpoint:  # before the user's callbacks, which see this step again when the run is resumed
                self.checkpoint.save(trainer)
            trainer.should_stop = True
            yield
            return
        yield
        self._conclude(trainer, improved, overdue)

    def _look(self, trainer: pl.Trainer) -> tuple[bool, bool]:
        """Read the monitor, evaluate, draw, as is due; return whether it is the best yet, and a checkpoint overdue."""
        clock, improved = system_of(trainer).clock, False
        resumed = self.evaluation is not None and self.evaluation.interrupted
        read = self.monitor is not None and clock.due(self.monitor.every)
        if self.monitor and read and not resumed:
            self._read(trainer, self.monitor)
        if self.evaluation and (resumed or clock.due(self.evaluation.every)):
            improved = self._evaluate(trainer, self.evaluation, read)
        overdue = self.checkpoint is not None and self.checkpoint.is_overdue(trainer.world_size)
        if self.samples and (overdue or clock.due(self.samples.every)):
            self._draw(trainer, self.samples)
        return improved, overdue

    def _conclude(self, trainer: pl.Trainer, improved: bool, overdue: bool) -> None:
        """Save and show the progress, as far as each is due, and stop if the run ends here."""
        clock = system_of(trainer).clock
        if self.checkpoint and (improved or overdue or clock.due(self.checkpoint.every)):
            self.checkpoint.save(trainer, improved)
        if self.progress and trainer.is_global_zero:
            self.progress.update(clock, self.latest)
        if clock.finished:
            trainer.should_stop = True
        elif self._ends_here(trainer, clock.step):
            if self.checkpoint:
                self.checkpoint.save(trainer)
            trainer.should_stop = True

    def _evaluate(self, trainer: pl.Trainer, evaluation: Evaluation, read: bool) -> bool:
        """Evaluate, and return whether this is the best so far; ``read``: the monitor has been read in this step."""
        system = system_of(trainer)
        end = partial(self.stop.end_evaluation, trainer.world_size, trainer.strategy.root_device)
        values, improved, seconds = evaluation.measure(system, Processes(trainer.global_rank, trainer.world_size, end))
        self._log(trainer, values)
        if self.rule and not system.clock.finished:
            value = values.get(f"metrics/{self.rule.measure}", math.nan)
            self.rule.look(system.clock.images_seen, system.clock.budget, value)
        if system.clock.finished and trainer.is_global_zero:
            for logger in run_loggers(trainer):
                logger.log_final(evaluation.results(), system.clock.images_seen)
        if self.monitor:
            self.monitor.exclude(seconds)
            if system.clock.ended_early and not read:
                self._read(trainer, self.monitor)
        if self.failures and trainer.is_global_zero:
            self._log(trainer, self.failures.after_evaluation(system, _data_of(trainer)))
        return improved

    def _read(self, trainer: pl.Trainer, monitor: Monitor) -> None:
        """Log a row of the monitor, and look at it for failures."""
        system = system_of(trainer)
        row = monitor.read(system)
        if self.failures and trainer.is_global_zero:
            row |= self.failures.after_row(system, _data_of(trainer), row)
        self._log(trainer, row)

    def with_callbacks(self, callbacks: Sequence[pl.Callback]) -> list[pl.Callback]:
        """Return the callbacks of a trainer: this loop, the user's ``callbacks``, and the second half of this loop."""
        return [self, *callbacks, _SecondHalf(self)]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prepare evaluation, now rather than after the first hours of training."""
        if self.evaluation:
            self.evaluation.prepare(trainer.is_global_zero)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start all parts; train no further if the budget is spent."""
        clock = system_of(trainer).clock
        if self.evaluation:
            self.evaluation.resume(clock)
        if self.monitor:
            self.monitor.start(clock)
        if self.samples and clock.images_seen == 0:
            self._draw(trainer, self.samples)
        if self.checkpoint and clock.images_seen and trainer.is_global_zero:
            best = self.evaluation.best if self.evaluation else {}
            self.checkpoint.complete(system_of(trainer), best.get("images_seen"))
        if self.checkpoint:
            self.checkpoint.start()
        if self.failures and trainer.is_global_zero:
            self.failures.start()
        if self.progress and trainer.is_global_zero:
            self.progress.open(clock)
        self.stop.reclaim_sigterm()
        self._let_run(trainer)
        trainer.should_stop = clock.finished or self._is_stopped()

    def _ends_here(self, trainer: pl.Trainer, step: int) -> bool:
        """Return whether the rule, a signal or a callback of the user's ends the run after ``step``; all must call."""
        requested = self.stop.requested(step, trainer.world_size, trainer.strategy.root_device)
        return requested or self._is_stopped() or bool(trainer.should_stop)

    def _is_stopped(self) -> bool:
        return self.rule is not None and bool(self.rule.stopped)

    def _let_run(self, trainer: pl.Trainer) -> None:
        """Let the system take many steps in a row, and without Lightning, as far as nothing else depends on either."""
        own = (RunLoop, _SecondHalf)
        others = [callback for callback in trainer.callbacks if not isinstance(callback, own)]  # type: ignore[attr-defined]
        watched = any(is_overridden(hook, callback, pl.Callback) for callback in others for hook in STEP_HOOKS)
        alone = isinstance(trainer.strategy, SingleDeviceStrategy) and not watched
        system = system_of(trainer)
        system.pauses = self._pauses if alone else lambda: True
        system.direct = alone and getattr(trainer.precision_plugin, "scaler", None) is None
        self._clock = system.clock
        self._resume()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Run the first half of ``after_step``."""
        self._step = self.after_step(trainer)
        next(self._step)

    def finish_step(self) -> None:
        """Run the second half of ``after_step``."""
        next(self._step, None)
        self._resume()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the progress bar."""
        if self.progress:
            self.progress.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the progress bar, so that the error is readable; name a divergence."""
        if self.progress:
            self.progress.close()
        if self.failures and isinstance(exception, DivergedError) and trainer.is_global_zero:
            self.failures.diverged(str(exception), system_of(trainer).clock)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of all parts that have one."""
        return {name: part.state_dict() for name, part in self._stateful().items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of all parts that have one."""
        for name, part in self._stateful().items():
            part.load_state_dict(state_dict[name])

    def _stateful(self) -> dict[str, Any]:
        """Return the parts whose state belongs in a checkpoint."""
        names = ("monitor", "evaluation", "failures", "rule")
        return {name: part for name in names if (part := getattr(self, name)) is not None}

    def _log(self, trainer: pl.Trainer, values: Mapping[str, float]) -> None:
        self.latest.update(values)
        for logger in trainer.loggers if values else ():
            logger.log_metrics(dict(values), step=system_of(trainer).clock.images_seen)

    def _draw(self, trainer: pl.Trainer, samples: SampleGrid) -> None:
        if trainer.is_global_zero:
            system, data = system_of(trainer), _data_of(trainer)
            for name, grid in samples.draw(system, data).items():
                for logger in run_loggers(trainer):
                    logger.log_image(name, grid, system.clock.images_seen)


class _SecondHalf(pl.Callback):
    """Runs the second half of a loop's ``after_step``; the last of the trainer's callbacks."""

    def __init__(self, loop: RunLoop) -> None:
        self._loop = loop

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do what an interrupted evaluation has left to do after the last step, before the next one."""
        evaluation = self._loop.evaluation
        if evaluation and evaluation.interrupted:
            batch, last = _data_of(trainer).last_batch(), system_of(trainer).clock.step - 1
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                callback.on_train_batch_end(trainer, pl_module, {}, batch, last)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._loop.finish_step()


def _data_of(trainer: pl.Trainer) -> ImageData:
    data: ImageData = trainer.datamodule  # type: ignore[attr-defined]
    return data


def run_loggers(trainer: pl.Trainer) -> list[RunLogger]:
    """Return the loggers that take more than scalars."""
    return [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]
