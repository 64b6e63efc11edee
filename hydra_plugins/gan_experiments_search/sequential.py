"""Hydra plugin: the sweeper that adds seeds in rounds; its logic is in ``gan_experiments.api.sequential``."""

from __future__ import annotations

from pathlib import Path

from hydra_plugins.gan_experiments_search._base import RoundsSweeper


class SequentialSweeper(RoundsSweeper):
    """Runs the study described by ``hydra.sweeper`` and the command line.

    Args:
        options: The fields of ``gan_experiments.sweeps.sequential.SequentialConfig``.
    """

    def sweep(self, arguments: list[str]) -> None:
        """Run rounds until every comparison is settled.

        Raises:
            ConfigError: The folder of the study holds another plan.
        """
        # Imported here because Hydra imports every plugin whenever it starts.
        from gan_experiments.api.sequential import SequentialStudy
        from gan_experiments.sweeps.sequential import SequentialConfig, read_arms

        config = SequentialConfig.of(self._options())
        fixed, arms = read_arms(config.lines(arguments), self._hydra)
        study = Path(self._config.hydra.sweep.dir)
        SequentialStudy(study, fixed, arms, config, self._launch, self._folder_of).run()
