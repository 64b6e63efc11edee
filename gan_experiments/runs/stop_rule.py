"""The rule by which a run of a sequential study is stopped by its curve, a file in its folder. Imports no torch."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gan_experiments.core.files import read_bytes, write_json
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder


@dataclass
class StopRule:
    """Stops a run whose final value can no longer be near the worst of another arm.

    The file is written before the run begins and never changes, so a resumed run stops where another would.

    Attributes:
        measure: Name of the measure in the log.
        higher_is_better: Whether more is better.
        logarithmic: Whether gains are differences of logarithms.
        limit: What the run must be able to reach, as logged; see ``comparison.stopping``.
        against: Label of that arm.
        gains: How much a run may still improve, from a share of its budget on: pairs of share and gain, by share.
        stopped: Why the run has been stopped, for its record; empty if it has not.

    Raises:
        ValueError: The limit or a gain is not finite, or a gain is negative; ``TypeError``: it is no number.
    """

    measure: str
    higher_is_better: bool
    logarithmic: bool
    limit: float
    against: str
    gains: Sequence[Sequence[float]]

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit) or not all(0 <= gain < math.inf for _, gain in self.gains):
            raise ValueError("not finite, or negative")
        self.stopped: dict[str, Any] = {}

    def look(self, images: int, budget: int, value: float) -> None:
        """Stop the run if the value of its periodic evaluation, after ``images`` of its ``budget``, is too bad."""
        gain = [math.inf, *(gain for share, gain in self.gains if share <= images / budget)][-1]
        bound = self._at_best(value, gain)
        behind = bound < self.limit if self.higher_is_better else bound > self.limit
        if math.isfinite(bound) and behind:
            self.stopped = {"measure": self.measure, "value": value, "bound": bound, "images_seen": images}

    def reason(self) -> str:
        """Describe why the run has been stopped."""
        name, stop = self.measure.upper(), self.stopped
        text = f"{name} {stop['value']:.4g} at {stop['images_seen']:,} images: at best {stop['bound']:.4g} at the end"
        return f"{text}, not the {self.limit:.4g} that is near {self.against}"

    def _at_best(self, value: float, gain: float) -> float:
        if self.logarithmic:
            return value * math.exp(-gain) if value > 0 else math.nan
        return value + gain if self.higher_is_better else value - gain

    def state_dict(self) -> dict[str, Any]:
        """Return whether the run has been stopped."""
        return {"stopped": self.stopped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore whether the run has been stopped."""
        self.stopped = state["stopped"]


def write_rule(run: RunFolder, rule: StopRule) -> None:
    """Write the rule of a run that has not begun."""
    write_json(run.rule_file, asdict(rule))


def read_rule(run: RunFolder) -> StopRule | None:
    """Return the rule of a run; ``None`` if it has none.

    Raises:
        ConfigError: The file is not a rule.
    """
    if not run.rule_file.exists():
        return None
    try:
        return StopRule(**json.loads(read_bytes(run.rule_file).decode()))
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{run.rule_file}: not the rule of a run ({type(error).__name__})") from error
