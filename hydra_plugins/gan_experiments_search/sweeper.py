"""Hydra plugin: the sweeper in which Optuna chooses the jobs; its logic is in ``gan_experiments.sweeps.search``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class OptunaSweeper(Sweeper):
    """Runs the searches described by ``hydra.sweeper`` and the command line.

    Args:
        options: The fields of ``gan_experiments.sweeps.search.options.SearchConfig``.
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
        """Run trials until each search has all of its trials, and print the results.

        Raises:
            ConfigError: The folder of the study holds another search.
        """
        # Imported here because Hydra imports every plugin whenever it starts.
        from gan_experiments.sweeps.search.options import search_config
        from gan_experiments.sweeps.search.rounds import search_in
        from gan_experiments.sweeps.search.space import read_space

        options = OmegaConf.to_container(OmegaConf.create(self._options), resolve=True)
        assert isinstance(options, dict)
        config = search_config({str(key): value for key, value in options.items()})
        if config.n_jobs is None:
            at_a_time = self._config.hydra.launcher.get("n_jobs", 1)  # joblib's
            config.n_jobs = os.cpu_count() if at_a_time == -1 else at_a_time
        space = read_space(config.lines(arguments), config.per, self._hydra)
        study = Path(self._config.hydra.sweep.dir)
        study.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self._config, study / "multirun.yaml")  # as Hydra's own sweeper does
        search_in(study, space, config, self._launch, self._folder_of)

    def _launch(self, batch: Sequence[Sequence[str]]) -> None:
        self._launcher.launch(batch, initial_job_idx=self._jobs)
        self._jobs += len(batch)

    def _folder_of(self, overrides: Sequence[str]) -> Path:
        from gan_experiments.sweeps.plan import folder_of

        return folder_of(self._hydra.load_sweep_config(self._config, list(overrides)))
