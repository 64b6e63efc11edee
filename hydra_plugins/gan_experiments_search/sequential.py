"""Hydra plugin: the sweeper that adds seeds in rounds; its logic is in ``gan_experiments.api.sequential``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class SequentialSweeper(Sweeper):
    """Runs the study described by ``hydra.sweeper`` and the command line.

    Args:
        options: The fields of ``gan_experiments.sweeps.sequential.SequentialConfig``.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._jobs = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra has composed and create the launcher."""
        self._hydra = hydra_context.config_loader
        self._config = config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run rounds until every comparison is settled.

        Raises:
            ConfigError: The folder of the study holds another plan.
        """
        # Imported here because Hydra imports every plugin whenever it starts.
        from gan_experiments.api.sequential import SequentialStudy
        from gan_experiments.sweeps.plan import folder_of
        from gan_experiments.sweeps.sequential import read_arms, sequential_config

        def folder(overrides: Sequence[str]) -> Path:
            return folder_of(self._hydra.load_sweep_config(self._config, list(overrides)))

        options = OmegaConf.to_container(OmegaConf.create(self._options), resolve=True)
        assert isinstance(options, dict)
        config = sequential_config({str(key): value for key, value in options.items()})
        fixed, arms = read_arms(config.lines(arguments), self._hydra)
        study = Path(self._config.hydra.sweep.dir)
        SequentialStudy(study, fixed, arms, config, self._launch, folder).run()

    def _launch(self, batch: Sequence[Sequence[str]]) -> None:
        self._launcher.launch(batch, initial_job_idx=self._jobs)
        self._jobs += len(batch)
