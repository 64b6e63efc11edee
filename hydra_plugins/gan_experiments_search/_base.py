"""What the sweepers share: their options, Hydra's launcher, and the numbers of the jobs."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class RoundsSweeper(Sweeper, ABC):
    """A sweeper that launches jobs in rounds; a subclass has ``sweep``.

    Args:
        options: The fields of its config.
    """

    def __init__(self, **options: Any) -> None:
        self._given = options
        self._jobs = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra has composed and create the launcher."""
        self._hydra = hydra_context.config_loader
        self._config = config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def _options(self) -> dict[str, Any]:
        """Return the options as plain values."""
        options = OmegaConf.to_container(OmegaConf.create(self._given), resolve=True)
        assert isinstance(options, dict)
        return {str(key): value for key, value in options.items()}

    def _launch(self, batch: Sequence[Sequence[str]]) -> None:
        self._launcher.launch(batch, initial_job_idx=self._jobs)
        self._jobs += len(batch)

    def _folder_of(self, overrides: Sequence[str]) -> Path:
        """Return the run folder of a job."""
        from gan_experiments.sweeps.plan import folder_of  # Hydra imports every plugin whenever it starts

        config = self._hydra.load_sweep_config(self._config, list(overrides))
        return folder_of(config.name, config.hydra)
