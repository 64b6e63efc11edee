"""Statistics of training steps, kept on the device until they are read, so that no step waits for the GPU."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import attrgetter, itemgetter

import torch
import torch.distributed as dist
from torch import Tensor

from gan_experiments.core.distributed import all_gather, mean_over_processes, world_size
from gan_experiments.core.types import DivergedError

SIGNS = {"logits/real": 1, "logits/fake": -1}  # of correctly classified logits, less the boundary
RANKED = {"logits": 1, "energy": -1}  # kinds of outputs, and which way those of real images lie from those of fakes
CAPACITY = 1000  # steps with unread values that are kept before they are checked and dropped


class StepStatistics:
    """Values of each step by name, read as means over steps; a value that is not finite raises ``DivergedError``.

    Recording only stores tensors; means are computed when they are read, for many steps at once.

    Attributes:
        boundary: The output between those for real images and those for fakes.
    """

    def __init__(self) -> None:
        self.boundary = 0.0
        self._rows: list[tuple[int, dict[str, Tensor]]] = []  # several of a step
        self._steps = 0  # in these rows

    def record(self, step: int, values: Mapping[str, Tensor]) -> None:
        """Store the ``values`` of ``step``; the values of one name must have the same shape in every step."""
        if not self._rows or self._rows[-1][0] != step:
            if self._steps == CAPACITY:
                self.read()
            self._steps += 1
        own = {name: each.detach() if each.requires_grad else each for name, each in values.items()}
        self._rows.append((step, own))

    def read(self) -> dict[str, float]:
        """Return the mean of each value over the steps since the last reading and over all processes, and clear them.

        ``logits/real`` and ``logits/fake`` also give accuracies: the fraction on the correct side of the boundary.

        Raises:
            DivergedError: Names the first step with a value that was not finite, and that value.
        """
        means = self.check()
        self._rows.clear()
        self._steps = 0
        return means

    def check(self) -> dict[str, float]:
        """Do the same as ``read``, without clearing anything."""
        faults: list[tuple[int, str]] = []
        steps, values = self._columns()
        tables = {name: _tables(column) for name, column in values.items()}
        columns: dict[str, Tensor] = {}  # the value of each step
        for name, own in {**tables, **_ranked(tables)}.items():
            columns[name] = torch.cat([table.mean(1) for table in own])
            if name in SIGNS:
                correct = [((table - self.boundary) * SIGNS[name] > 0).float().mean(1) for table in own]
                columns[name.replace("logits", "accuracy")] = torch.cat(correct)
        means = dict.fromkeys(columns, 0.0)
        for names, table in _gathered(columns):
            means.update(zip(names, table.mean(1).tolist(), strict=True))
            for name, column in zip(names, table, strict=True):
                if not math.isfinite(means[name]):  # so one of the values is not
                    faults.append((steps[name][int((~column.isfinite()).nonzero()[0])], name))
        if faults:
            step = min(faults)[0]
            terms = [name for when, name in faults if when == step]
            raise DivergedError(f"{', '.join(terms)} {'are' if terms[1:] else 'is'} no longer finite at step {step}")
        return means

    def _columns(self) -> tuple[dict[str, list[int]], dict[str, list[Tensor]]]:
        """Return, by name, the steps with unread values and these values."""
        steps: dict[str, list[int]] = {}
        columns: dict[str, list[Tensor]] = {}
        for step, values in self._rows:
            for name, value in values.items():
                steps.setdefault(name, []).append(step)
                columns.setdefault(name, []).append(value)
        return steps, columns

    def state_dict(self) -> dict[str, tuple[list[int], Tensor]]:
        """Return the unread values of all processes, so that a resumed run logs the same means; all must call.

        Returns:
            By name: the steps, and a tensor ``(processes, steps, ...)``.
        """
        steps, columns = self._columns()
        own = {name: torch.stack(values).cpu() for name, values in columns.items()}
        everyone = all_gather(own)
        return {name: (steps[name], torch.stack([each[name] for each in everyone])) for name in own}

    def load_state_dict(self, state: Mapping[str, tuple[list[int], Tensor]], device: torch.device) -> None:
        """Restore the unread values: each process its own, or all of them if there are more or fewer processes now.

        Raises:
            ValueError: There are not as many values as steps.
        """
        self._rows = []
        for name, (steps, tables) in state.items():
            if tables.ndim < 2 or tables.shape[1] != len(steps):
                raise ValueError(f"statistics of {name}: not as many values as steps; saved by an earlier version?")
            same = len(tables) == world_size()
            rank = dist.get_rank() if same and len(tables) > 1 else 0
            table = tables[rank] if same else tables.transpose(0, 1)
            values = table.to(device).unbind(0)
            self._rows += [(step, {name: value}) for step, value in zip(steps, values, strict=True)]
        self._rows.sort(key=itemgetter(0))
        self._steps = len({step for step, _ in self._rows})


def _tables(values: list[Tensor]) -> list[Tensor]:
    """Stack the values of many steps, float32 ``(steps, ...)``: one table for each shape.

    There are several only if another number of processes has taken the run up since the last reading.
    """
    groups = [list(group) for _, group in groupby(values, key=attrgetter("shape"))]
    return [torch.stack(group).float().reshape(len(group), -1) for group in groups]


def _ranked(tables: Mapping[str, list[Tensor]]) -> dict[str, list[Tensor]]:
    """Return, for each step, in which pairs of the batch the discriminator ranks the real image above the fake."""
    for kind, sign in RANKED.items():
        real, fake = (tables.get(f"{kind}/{which}", []) for which in ("real", "fake"))
        if real and fake and real[0].shape == fake[0].shape:
            pairs = zip(real, fake, strict=True)
            return {"accuracy/ranking": [(sign * (one - other) > 0).float() for one, other in pairs]}
    return {}


def _gathered(columns: Mapping[str, Tensor]) -> Iterator[tuple[list[str], Tensor]]:
    """Yield, for columns of one length, their names and their means over processes: float64, on the CPU.

    One call for all of them: a call for each takes as long as a step of a small network.
    """
    for length in dict.fromkeys(map(len, columns.values())):
        names = [name for name, column in columns.items() if len(column) == length]
        yield names, mean_over_processes(torch.stack([columns[name] for name in names])).double().cpu()
