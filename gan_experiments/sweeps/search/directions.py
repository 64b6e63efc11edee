"""Directions of the objectives of a search, from the measures of its jobs, which have no record yet."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from gan_experiments.config.compose import CommandLine
from gan_experiments.config.targets import TARGET, find_class
from gan_experiments.metrics.directions import directions
from gan_experiments.sweeps.search.options import search_config

_GROUPS = ("features", "measures")


def direction_lines(line: CommandLine) -> list[str]:
    """Return overrides that set ``hydra.sweeper.better`` for each objective that a measure of the first job computes.

    Args:
        line: A search whose jobs have been checked.

    Raises:
        ConfigError: It is not known whether higher values of an objective are better.
    """
    config, lines = line.config() or OmegaConf.create({}), []
    sweeper: Any = OmegaConf.to_container(line.hydra.sweeper)
    search = search_config(sweeper)
    nodes = [node for group in _GROUPS for node in (OmegaConf.select(config, f"metrics.{group}") or {}).values()]
    for node in nodes:
        for name, higher in directions(find_class(node[TARGET], line.trusted)).items():
            if name not in search.better:
                search.better[name] = "higher" if higher else "lower"
                lines.append(f"+hydra.sweeper.better.{name}={search.better[name]}")
    search.directions()
    return lines
