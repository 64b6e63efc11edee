"""``gan-stability``: whether training converges to an equilibrium that is known, orbits it, or diverges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gan_experiments.api.request import Request
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import StabilityConfig

if TYPE_CHECKING:
    from gan_experiments.api.stability import Stability

_SHOWN = 8  # eigenvalues
_MOVES = 1e-6  # change of an equilibrium by a step that is worth a line


def main() -> None:
    """Run the command."""
    command("stability", StabilityConfig, run)


def run(request: Request) -> int:
    """Find out and print it."""
    from gan_experiments.api.stability import stability

    found = stability(request.config)
    order = request.config["model"]["update_order"]
    print(f"  step         {found.period} of the discriminator, updates {order}")
    if found.residual > _MOVES:
        print(f"  equilibrium  moves by up to {found.residual:.2g} in that")
    if found.distances:
        print("  Jacobian     none, the step is not differentiable there: a run that starts near it instead")
    else:
        print("  Jacobian     of the whole state, by central differences in float64 of the real training step")
        values = [
            f"{value.real:.4f}{value.imag:+.4f}i" if value.imag else f"{value.real:.4f}" for value in found.eigenvalues
        ]
        more = f" and {len(values) - _SHOWN} smaller ones" if len(values) > _SHOWN else ""
        print(f"  eigenvalues  {', '.join(values[:_SHOWN])}{more}")
    if found.neutral:
        print(f"  neutral      {found.neutral} more, equal to 1: the equilibrium is one of a continuum")
    print(f"\n{_in_words(found, request.config)}")
    return 0


def _in_words(found: Stability, config: Mapping[str, Any]) -> str:
    if found.distances:
        low, high = min(found.last_quarter), max(found.last_quarter)
        run = f"from {found.distances[0]:g}, the last quarter of {config['steps']:,} steps"
        return f"{found.verdict}: {run} keeps a distance of {low:.3g} to {high:.3g}"
    if found.verdict == "orbits":
        return "orbits: to first order, displacements neither shrink nor grow (spectral radius 1)"
    change = "halves" if found.verdict == "converges" else "doubles"
    rate = f"a displacement {change} in {found.half_life:.3g} discriminator steps"
    return f"{found.verdict}: {rate} (spectral radius {found.radius:.4f} per step)"


if __name__ == "__main__":
    main()
