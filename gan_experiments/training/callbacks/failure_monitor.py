"""Failure monitor: names what goes wrong with a run while it happens."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.clock import Clock
from gan_experiments.core.evaluation_mode import evaluation_mode
from gan_experiments.core.images import as_measured, to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveInt
from gan_experiments.data.base import ImageData
from gan_experiments.metrics.functional.data_copying import share_of_copies
from gan_experiments.metrics.functional.distances import squared_radii
from gan_experiments.runs.findings import title
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import System
from gan_experiments.training import failures
from gan_experiments.training.callbacks.base import LoopPart

_SHARE = 40  # real images per sample: a generator's pass costs a sixth of a step or less, so 0.4 % of the time
_GROUPS = 8  # of real images, over which their spread is averaged
_MOST_TRAINING = 10_000  # images, up to which copies are looked for: the distances to more would take too long
_MOST_VALUES = 1 << 27  # of all these images, for the same reason
_CHUNK = 1 << 22  # of these, as floating-point numbers, at a time: 80 MB
_NAMES = (*failures.LOSSES, *failures.ACCURACIES, failures.RANKING, failures.GRADIENT, *failures.SPREADS)

_log = logging.getLogger(__name__)


class FailureMonitor(LoopPart):
    """Names a discriminator that is too strong, mode collapse, memorization, oscillation and divergence.

    It looks at the rows of the monitor, and at samples from fixed latents; it draws from no stream of the run and
    changes nothing of it. Each failure has one line in the log, when it begins, and a scalar ``failures/<name>``, 1
    where it begins and 0 where it ends; the record keeps them as ``findings``.

    Args:
        run: The run's folder.
        count: Samples, of the generator as it is, without averaging.

    Attributes:
        findings: Since when, until when (``None``: still) and why, by name.
    """

    role: ClassVar[str] = "failures"

    def __init__(self, run: RunFolder, count: PositiveInt = 64) -> None:
        self.count = count
        self.findings: dict[str, dict[str, Any]] = {}
        self._run = run
        self._series: dict[str, list[float]] = {name: [] for name in _NAMES}
        self._first: dict[str, float] = {}
        self._largest: dict[str, float] = {}
        self._drawn_at = 0  # images seen
        self._real: tuple[float, ...] | None = None

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of a run without the monitor, whose rows are looked at."""
        yield from super().check(key, options, config)
        if not any(getattr(part, "role", None) == "monitor" for part in config.components("callbacks").values()):
            text = "without the rows of the monitor, only copies of training images and divergence are noticed"
            yield Problem(key, text, warning=True)

    def start(self) -> None:
        """Let the record say what has been found so far: nothing, or what a checkpoint says."""
        self._run.update_record(findings=self.findings)

    def after_row(self, system: System, data: ImageData, row: Mapping[str, float]) -> dict[str, float]:
        """Look at a row of the monitor; return scalars to log."""
        clock, values = system.clock, self._spreads(system, data)
        for name in _NAMES:
            if name in row or name in values:
                self._add(name, {**row, **values}[name])
        signed = not getattr(getattr(system, "loss", None), "shift_invariant", False)
        series = self._series
        reasons = {
            "mode_collapse": failures.mode_collapse(series, self._largest, clock.images_seen / clock.budget),
            "discriminator_too_strong": failures.discriminator_too_strong(series, self._first, signed),
            "oscillation": failures.oscillation(series),
        }
        for name, reason in reasons.items():
            values |= self._note(name, reason, clock)
        return values

    def after_evaluation(self, system: System, data: ImageData) -> dict[str, float]:
        """Look for copies of training images; return scalars to log."""
        if system.translates or data.trained is None or not 2 < data.num_training <= _MOST_TRAINING:
            return {}
        values_each = data.images[0].numel()
        if data.num_training * values_each > _MOST_VALUES:
            return {}
        parts = torch.split(data.training, max(1, _CHUNK // values_each))
        others = (~data.trained).nonzero().flatten()
        real = data.images[self._chosen(system, others if len(others) else data.training)]
        copied, usual = (
            share_of_copies(_flat(images), (_flat(data.images[part]) for part in parts), among)
            for images, among in ((self._samples(system), False), (real, not len(others)))
        )
        reason = failures.memorization(copied, usual, self.count)
        values = {"failures/copied": copied, **self._note("memorization", reason, system.clock)}
        return values | self._overfitting(system, data)

    @torch.no_grad()
    def _overfitting(self, system: System, data: ImageData) -> dict[str, float]:
        """Return how far a discriminator takes held-out images for fakes: 0 not at all, 1 as surely as fakes.

        Karras et al. 2020, "Training generative adversarial networks with limited data", equation 1; its images are not
        augmented here. Empty where nothing is held out, or there is no discriminator of single images.
        """
        discriminator: Any = getattr(system, "discriminator", None)
        assert data.trained is not None
        if discriminator is None or getattr(discriminator, "packing", 1) != 1 or bool(data.trained.all()):
            return {}
        outputs = []
        with evaluation_mode(discriminator):
            for mask in (data.trained, ~data.trained):
                chosen = self._chosen(system, mask.nonzero().flatten())
                labels = None if data.labels is None else data.labels[chosen].to(system.device)
                outputs.append(discriminator(to_float(data.images[chosen]).to(system.device), labels))
            outputs.append(discriminator(to_float(self._samples(system)), self._labels(system)))
        training, held_out, fake = (float(output.double().mean()) for output in outputs)
        return {"failures/overfitting": (training - held_out) / (training - fake)} if training != fake else {}

    def diverged(self, reason: str, clock: Clock) -> None:
        """Record which term was the first that was no longer finite."""
        self._note("divergence", reason, clock)

    def state_dict(self) -> dict[str, Any]:
        """Return what the rules look back at, and the findings."""
        series = {name: torch.tensor(values, dtype=torch.float64) for name, values in self._series.items()}
        extremes = {"first": dict(self._first), "largest": dict(self._largest)}
        findings = {name: dict(finding) for name, finding in self.findings.items()}
        return {"series": series, **extremes, "drawn_at": self._drawn_at, "findings": findings}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what the rules look back at, and the findings."""
        self._series = {name: [float(value) for value in values.tolist()] for name, values in state["series"].items()}
        self._first, self._largest = dict(state["first"]), dict(state["largest"])
        self._drawn_at = state["drawn_at"]
        keys = ("began", "ended", "reason")
        self.findings = {name: {key: finding[key] for key in keys} for name, finding in state["findings"].items()}

    def _add(self, name: str, value: float) -> None:
        self._first.setdefault(name, value)
        values = [*self._series[name], value][-failures.WINDOW :]
        self._series[name] = values
        if name in failures.SPREADS and len(values) in (1, *range(failures.ROWS, failures.WINDOW + 1)):
            self._largest[name] = max(median(values[-failures.ROWS :]), self._largest.get(name, 0.0))

    def _note(self, name: str, reason: str | None, clock: Clock) -> dict[str, float]:
        """Record that a failure begins or ends, if it does; return the scalar to log then."""
        known = self.findings.get(name)
        if (reason is None) == (known is None or known["ended"] is not None):
            return {}
        if known is None:
            assert reason is not None
            self.findings[name] = {"began": clock.images_seen, "ended": None, "reason": reason}
            _log.warning("%s, at %s images: %s", title(name), f"{clock.images_seen:,}", reason)
        else:
            known["ended"] = clock.images_seen if reason is None else None
        self._run.update_record(findings=self.findings)
        return {f"failures/{name}": float(reason is not None)}

    def _spreads(self, system: System, data: ImageData) -> dict[str, float]:
        """Return how far samples lie apart, as a share of what as many real images do; empty if it is too early."""
        if system.translates or system.clock.images_seen - self._drawn_at < _SHARE * self.count:
            return {}
        self._drawn_at = system.clock.images_seen
        if self._real is None:
            real, count = _flat(self._chosen(system, data.images, _GROUPS)), self.count
            spreads = [_spread(real[start : start + count]) for start in range(0, len(real) - 1, count)]
            self._real = tuple(sum(each) / len(each) for each in zip(*spreads, strict=True))
        pairs = zip(failures.SPREADS, _spread(_flat(self._samples(system))), self._real, strict=False)
        return {name: value / real for name, value, real in pairs if real}

    def _samples(self, system: System) -> Tensor:
        """Generate images, a function of the weights and the seed alone; labels cycle through the classes."""
        latents = Stream(system.seed, "failures", device=system.device).normal(self.count, system.latent_dim)
        return as_measured(system.sample(latents, self._labels(system), ema=False))

    def _labels(self, system: System) -> Tensor | None:
        classes = system.num_classes
        return torch.arange(self.count, device=system.device) % classes if classes else None

    def _chosen(self, system: System, images: Tensor, groups: int = 1) -> Tensor:
        """Return the same few real images whenever it is asked."""
        return images[Stream(system.seed, "failures", "real").permutation(len(images))[: groups * self.count]]


def _flat(images: Tensor) -> Tensor:
    return to_float(images).flatten(1).cpu()


def _spread(points: Tensor) -> tuple[float, float]:
    """Return the root of the total variance of points ``(N, D)``, and the median distance to the nearest other one."""
    points = points.double()
    nearest = squared_radii(points, [1], points.mean(0))[0].sqrt()
    return float(points.var(0).sum().sqrt()), float(nearest.median())
