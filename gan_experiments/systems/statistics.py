"""What a step measured, kept on the device until somebody asks: nothing per step waits for it or formats it."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from gan_experiments.types import DivergedError

CAPACITY = 1000  # steps kept before they are checked and dropped, should nobody read


class Statistics:
    """Scalars of each step by name, read as means; a value that is not finite ends the run and is named."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], list[Tensor]] = {}
        self._steps: dict[tuple[str, ...], list[int]] = {}

    def record(self, step: int, terms: dict[str, Tensor]) -> None:
        """Keep the 0-dimensional ``terms`` of ``step`` without waiting for their values."""
        names = tuple(terms)
        rows = self._rows.setdefault(names, [])
        rows.append(torch.stack([term.detach().float() for term in terms.values()]))
        self._steps.setdefault(names, []).append(step)
        if len(rows) >= CAPACITY:
            self.read()

    def read(self) -> dict[str, float]:
        """Return the mean of each term over the steps since the last reading and over all processes, and forget them.

        Raises:
            DivergedError: A term was not finite; names the first such step and term.
        """
        means = self.check()
        self._rows.clear()
        self._steps.clear()
        return means

    def check(self) -> dict[str, float]:
        """Do what ``read`` does, and forget nothing."""
        sums: dict[str, tuple[float, int]] = {}
        faults: list[tuple[int, str]] = []
        for names, rows in self._rows.items():
            for name, column in zip(names, _gathered(rows).unbind(1), strict=True):
                bad = (~column.isfinite()).nonzero()
                if len(bad):
                    faults.append((self._steps[names][int(bad[0])], name))
                total, count = sums.get(name, (0.0, 0))
                sums[name] = (total + float(column.sum()), count + len(column))
        if faults:
            step = min(faults)[0]
            terms = ", ".join(name for when, name in faults if when == step)
            raise DivergedError(f"{terms} is no longer finite at step {step}")
        return {name: total / count for name, (total, count) in sums.items()}

    def state_dict(self) -> list[tuple[list[str], list[int], Tensor]]:
        """Return what has not been read yet, so that a resumed run logs the same means."""
        return [(list(names), self._steps[names], torch.stack(rows).cpu()) for names, rows in self._rows.items()]

    def load_state_dict(self, state: list[tuple[list[str], list[int], Tensor]], device: torch.device) -> None:
        """Go on from what had not been read yet."""
        self._rows = {tuple(names): list(table.to(device).unbind(0)) for names, _, table in state}
        self._steps = {tuple(names): list(steps) for names, steps, _ in state}


def _gathered(rows: list[Tensor]) -> Tensor:
    """Return the table of rows, averaged over processes: float64, on the CPU."""
    table = torch.stack(rows)
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(table)
        table /= dist.get_world_size()
    return table.double().cpu()
