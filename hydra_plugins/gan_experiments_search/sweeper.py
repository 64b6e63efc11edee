"""Hydra plugin: the sweeper in which Optuna chooses the jobs; its logic is in ``gan_experiments.sweeps.search``."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import OmegaConf

from hydra_plugins.gan_experiments_search._base import RoundsSweeper


class OptunaSweeper(RoundsSweeper):
    """Runs the searches described by ``hydra.sweeper`` and the command line.

    Args:
        options: The fields of ``gan_experiments.sweeps.search.options.SearchConfig``.
    """

    def sweep(self, arguments: list[str]) -> None:
        """Run trials until each search has all of its trials, and print the results.

        Raises:
            ConfigError: The folder of the study holds another search.
        """
        # Imported here because Hydra imports every plugin whenever it starts.
        from gan_experiments.sweeps.search.options import SearchConfig
        from gan_experiments.sweeps.search.rounds import search_in
        from gan_experiments.sweeps.search.space import read_space

        config = SearchConfig.of(self._options())
        if config.n_jobs is None:
            at_a_time = self._config.hydra.launcher.get("n_jobs", 1)  # joblib's
            config.n_jobs = os.cpu_count() if at_a_time == -1 else at_a_time
        space = read_space(config.lines(arguments), config.per, self._hydra)
        study = Path(self._config.hydra.sweep.dir)
        study.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self._config, study / "multirun.yaml")  # as Hydra's own sweeper does
        search_in(study, space, config, self._launch, self._folder_of)
