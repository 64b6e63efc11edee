"""Statistics of training steps, kept on the device until they are read, so that no step waits for the GPU."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from gan_experiments.core.types import DivergedError

SIGNS = {"logits/real": 1, "logits/fake": -1}  # of correctly classified logits
CAPACITY = 1000  # unread steps that are kept before they are checked and dropped


class StepStatistics:
    """Values of each step by name, read as means over steps; a value that is not finite raises ``DivergedError``.

    Recording only stores tensors; means are computed when they are read, for many steps at once.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}
        self._steps: dict[str, list[int]] = {}

    def record(self, step: int, values: Mapping[str, Tensor]) -> None:
        """Store the ``values`` of ``step``; the values of one name must have the same shape in every step."""
        for name, value in values.items():
            self._values.setdefault(name, []).append(value.detach())
            self._steps.setdefault(name, []).append(step)
        if any(len(steps) >= CAPACITY for steps in self._steps.values()):
            self.read()

    def read(self) -> dict[str, float]:
        """Return the mean of each value over the steps since the last reading and over all processes, and clear them.

        ``logits/real`` and ``logits/fake`` also give accuracies: the fraction with the correct sign.

        Raises:
            DivergedError: Names the first step with a value that was not finite, and that value.
        """
        means = self.check()
        self._values.clear()
        self._steps.clear()
        return means

    def check(self) -> dict[str, float]:
        """Do the same as ``read``, without clearing anything."""
        means: dict[str, float] = {}
        faults: list[tuple[int, str]] = []
        for name, values in self._values.items():
            table = torch.stack(values).float().reshape(len(values), -1)
            columns = {name: table.mean(1)}
            if name in SIGNS:
                columns[name.replace("logits", "accuracy")] = (table * SIGNS[name] > 0).float().mean(1)
            for title, column in zip(columns, _gathered(torch.stack(list(columns.values()))), strict=True):
                means[title] = float(column.mean())
                bad = (~column.isfinite()).nonzero()
                if len(bad):
                    faults.append((self._steps[name][int(bad[0])], title))
        if faults:
            step = min(faults)[0]
            terms = ", ".join(name for when, name in faults if when == step)
            raise DivergedError(f"{terms} is no longer finite at step {step}")
        return means

    def state_dict(self) -> dict[str, tuple[list[int], Tensor]]:
        """Return the unread values, so that a resumed run logs the same means."""
        return {name: (self._steps[name], torch.stack(values).cpu()) for name, values in self._values.items()}

    def load_state_dict(self, state: Mapping[str, tuple[list[int], Tensor]], device: torch.device) -> None:
        """Restore the unread values."""
        self._values = {name: list(table.to(device).unbind(0)) for name, (_, table) in state.items()}
        self._steps = {name: list(steps) for name, (steps, _) in state.items()}


def _gathered(table: Tensor) -> Tensor:
    """Return the mean of a table over processes: float64, on the CPU."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(table)
        table /= dist.get_world_size()
    return table.double().cpu()
