"""What a step does near the equilibrium of the Dirac-GAN, for every loss, penalty and optimizer.

    python benchmarks/stability.py --write docs/stability.md

The table goes between the two marks in that page.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import harness
from omegaconf import OmegaConf

from gan_experiments.api.stability import stability
from gan_experiments.config.check import check_config
from gan_experiments.config.command_schemas import StabilityConfig
from gan_experiments.config.compose import compose
from gan_experiments.config.files import conf_dir

BOTH = ("generator", "discriminator")
OPTIMIZERS = {
    "SGD, simultaneous": ["model.update_order=simultaneous", *(f"optimizer.{name}.lr=0.2" for name in BOTH)],
    "SGD, alternating": [f"optimizer.{name}.lr=0.2" for name in BOTH],
    "SGD with momentum 0.5, alternating": [
        f"optimizer.{name}.{option}" for name in BOTH for option in ("lr=0.2", "momentum=0.5")
    ],
    "Adam (0.5, 0.999), alternating": ["optimizer=adam", *(f"optimizer.{name}.lr=0.01" for name in BOTH)],
}
MOVES = 1e-3  # change by a step: it is no equilibrium of this combination
WEIGHT = 0.3  # of every penalty that has one, in every step
STARTED = {"lecam": ["penalty.lecam.start_images=0"]}
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
SHORT = {"converges": "**c**", "orbits": "o", "diverges": "**d**"}


def losses() -> list[str]:
    """Return the losses of logits; a discriminator of energies has no such equilibrium."""
    names = sorted(file.stem for file in (conf_dir() / "loss").glob("*.yaml"))
    return [name for name in names if name not in ("none", "began", "ebgan")]


def penalties() -> list[str]:
    """Return all penalties, none first."""
    return sorted(
        (file.stem for file in (conf_dir() / "penalty").glob("*.yaml")), key=lambda name: (name != "none", name)
    )


@cache
def composed(*overrides: str) -> dict[str, Any]:
    """Return a config of ``gan-stability``; composing it takes longer than the answer."""
    config: Any = OmegaConf.to_container(compose("stability", ["batch_size=16", *overrides]), resolve=True)
    return dict(config)


def cell(loss: str, penalty: str, overrides: list[str], steps: int) -> str:
    """Return the radius, or how far a run stays away, and the verdict; a dash where the combination is refused."""
    # Only this loss has no equilibrium without a bias; with some of the others that is a neutral direction.
    bias = ["model.discriminator.bias=true"] if loss == "least_squares" else []
    chosen = composed(f"penalty={penalty}", *STARTED.get(penalty, []))["penalty"]
    always = {"weight": WEIGHT, "interval": 1}
    nodes = {name: {**node, **{key: always[key] for key in always if key in node}} for name, node in chosen.items()}
    base = composed(*bias, *overrides)
    config = {**base, "loss": composed(f"loss={loss}")["loss"], "penalty": nodes, "steps": steps}
    checked = check_config(config, StabilityConfig)
    if checked.errors:
        return "-"
    found = stability(checked.config)
    if found.residual > MOVES:
        return "moves"
    value = f"{max(found.last_quarter):.0e}" if found.distances else f"{found.radius:.4f}"
    return f"{value} {SHORT[found.verdict]}{'*' if found.distances else ''}"


def tables(steps: int) -> Iterator[str]:
    """Yield the lines of a table for each optimizer."""
    for title, overrides in OPTIMIZERS.items():
        yield f"### {title}"
        yield ""
        yield f"| penalty | {' | '.join(f'`{loss}`' for loss in losses())} |"
        yield "|---|" + "---|" * len(losses())
        for penalty in penalties():
            cells = [cell(loss, penalty, overrides, steps) for loss in losses()]
            print(title, penalty, cells, flush=True)
            yield f"| `{penalty}` | {' | '.join(cells)} |"
        yield ""


def main() -> None:
    """Compute the tables and print them, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="of a run, where there is no Jacobian")
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    text = "\n".join(tables(arguments.steps))
    if arguments.write:
        harness.insert(text.rstrip(), arguments.write, BEGIN, END)
    else:
        print(text)


if __name__ == "__main__":
    main()
