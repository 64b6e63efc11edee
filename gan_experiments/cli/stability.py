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

    result = stability(request.config)
    order = request.config["model"]["update_order"]
    print(f"  step         {result.period} of the discriminator, updates {order}")
    if result.residual > _MOVES:
        print(f"  equilibrium  moves by up to {result.residual:.2g} in that")
    if result.distances:
        print("  Jacobian     none, the step is not differentiable there: a run that starts near it instead")
    else:
        print("  Jacobian     of the whole state, by central differences in float64 of the real training step")
        values = [
            f"{value.real:.4f}{value.imag:+.4f}i" if value.imag else f"{value.real:.4f}" for value in result.eigenvalues
        ]
        more = f" and {len(values) - _SHOWN} smaller ones" if len(values) > _SHOWN else ""
        print(f"  eigenvalues  {', '.join(values[:_SHOWN])}{more}")
    if result.neutral:
        print(f"  neutral      {result.neutral} more, equal to 1: the equilibrium is one of a continuum")
    print(f"\n{_in_words(result, request.config)}")
    return 0


def _in_words(result: Stability, config: Mapping[str, Any]) -> str:
    if result.distances:
        low, high = min(result.last_quarter), max(result.last_quarter)
        run = f"from {result.distances[0]:g}, the last quarter of {config['steps']:,} steps"
        return f"{result.verdict}: {run} keeps a distance of {low:.3g} to {high:.3g}"
    if result.verdict == "orbits":
        return "orbits: to first order, displacements neither shrink nor grow (spectral radius 1)"
    change = "halves" if result.verdict == "converges" else "doubles"
    rate = f"a displacement {change} in {result.half_life:.3g} discriminator steps"
    return f"{result.verdict}: {rate} (spectral radius {result.radius:.4f} per step)"


if __name__ == "__main__":
    main()
