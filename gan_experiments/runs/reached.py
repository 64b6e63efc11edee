"""What commands have been shown to reach, so that a run can be told from one that went wrong. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gan_experiments.runs.config_differences import NON_RESULT_KEYS
from gan_experiments.runs.results import estimates

_ANY_VALUE = ("seed", "trainer", "logger", "callbacks", *NON_RESULT_KEYS)  # keys that leave a result as good as it is


class Reached(NamedTuple):
    """The worst result of a command that has been tried.

    Attributes:
        measure: Its name.
        value: The worst over seeds.
        images: Images seen.
        seeds: Number of seeds that were tried.
    """

    measure: str
    value: float
    images: int
    seeds: int

    def __str__(self) -> str:
        seeds = f"{self.seeds} seeds" if self.seeds > 1 else "one seed"
        return f"{self.measure.upper()} {self.value:g} after {self.images:,} images ({seeds})"

    def missed(self, record: Mapping[str, Any]) -> bool:
        """Return whether a run ended far from it: with twice the value, or less than 0.8 of it if higher is better."""
        each = estimates(record).get(self.measure)
        if each is None or each.higher_is_better is None:
            return False
        return each.value < 0.8 * self.value if each.higher_is_better else each.value > 2 * self.value


# By the overrides of gan-train, without those of ``_ANY_VALUE``: docs/data.md, docs/tutorials/first_run.md.
REACHED = {
    "": Reached("fid", 0.254, 800_000, 1),
    "dataset=digits": Reached("fid", 0.254, 800_000, 1),
    "dataset=ring": Reached("precision", 0.963, 4_000_000, 5),
    "dataset=grid": Reached("precision", 0.950, 4_000_000, 2),
    "dataset=swiss_roll": Reached("precision", 0.996, 4_000_000, 2),
}


def reached(overrides: Iterable[str]) -> Reached | None:
    """Return what a command with these overrides has been shown to reach; ``None`` if it is not known."""
    kept = [line.lstrip("+") for line in overrides]
    kept = [line for line in kept if line.partition("=")[0].partition(".")[0] not in _ANY_VALUE]
    return REACHED.get(" ".join(sorted(kept)))
