"""What of Hydra's own node can be set here; of launchers and sweepers that are extras, what has to be installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf

from gan_experiments.config.targets import TARGET, module_exists
from gan_experiments.core.checks import Problem
from gan_experiments.core.text import suggest


class Plugin(NamedTuple):
    """A launcher or a sweeper.

    Attributes:
        extra: Of our package, that installs it.
        modules: That have to be there.
        defaults: Of its options, where the plugin's own do not suit jobs that can go on.
    """

    extra: str
    modules: tuple[str, ...]
    defaults: dict[str, str]


_SUBMITIT = ("submitit", "hydra_plugins.hydra_submitit_launcher")
_JOBLIB = ("joblib", "hydra_plugins.hydra_joblib_launcher")
PLUGINS = {
    # The worker that is handed several jobs does them one after the other; joblib hands over more after short ones.
    "hydra/launcher=joblib": Plugin("joblib", _JOBLIB, {"hydra.launcher.batch_size": "1"}),
    "hydra/launcher=submitit_local": Plugin("slurm", _SUBMITIT, {"hydra.launcher.timeout_min": "10080"}),
    # A job that has used up its time is requeued and goes on, so it can ask for little and be scheduled early.
    "hydra/launcher=submitit_slurm": Plugin(
        "slurm", _SUBMITIT, {"hydra.launcher.timeout_min": "240", "hydra.launcher.max_num_timeout": "1000"}
    ),
    "hydra/launcher=ray": Plugin("ray", ("ray", "hydra_plugins.hydra_ray_launcher"), {}),
    "hydra/sweeper=optuna": Plugin("optuna", ("optuna",), {}),
}
# What Hydra would else do for a sweep: make a folder of its own for each job, log into it, and go there.
HELD = {
    "hydra.mode": "MULTIRUN",
    "hydra.output_subdir": "null",
    "hydra/job_logging": "none",
    "hydra/hydra_logging": "none",
    "hydra.job.chdir": "false",
    "hydra.sweep.subdir": ".",
}
# Sections and keys that are used, all of them by sweeps.
USED = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep.dir", "hydra.job.env_set",
        "hydra.job.env_copy")  # fmt: skip
_LOGS = "messages go to standard error, those of a job of a sweep to job.log in its folder; logger=... logs values"
_INSTEAD = {
    "hydra.run": "output_dir=... and name=... say where a run of gan-train lies",
    "hydra.sweep.subdir": "the folder of a job is named by its overrides, or by name=...",
    "hydra.output_subdir": "config.yaml and record.json in the folder of a run hold its config and its overrides",
    "hydra.job.chdir": "a run stays in the folder in which the command was given; output_dir=... says where it writes",
    "hydra.job.name": "name=... names the folder of a run, hydra.launcher.name=... the job of a cluster",
    "hydra.searchpath": "--config-dir FOLDER adds a folder of configs of yours",
    "hydra.callbacks": "+callbacks.mine._target_=... adds a callback of Lightning",
    "hydra.help": "--help has a page of its own",
    "hydra.mode": "-m makes a sweep, and without it there is one run",
    **dict.fromkeys(("hydra.verbose", "hydra.job_logging", "hydra.hydra_logging"), _LOGS),
}
# What options are called elsewhere, or in another sweeper.
_ALSO_CALLED = {
    **dict.fromkeys(("direction", "directions", "mode", "maximize", "minimize"), ("better",)),
    **dict.fromkeys(("objective", "metric", "metrics", "measure"), ("objectives", "measure")),
    "objectives": ("measure",),
    "study_name": ("storage",),
}


def unknown_option(key: str, hydra: DictConfig, folder: Path) -> str:
    """Say of a key below Hydra's own node that its section has no such option; empty if it is not so.

    Args:
        key: The dotted key.
        hydra: The node.
        folder: That of our configs, in which other sweepers are looked for.
    """
    parent, _, last = key.removeprefix("hydra.").rpartition(".")
    section = OmegaConf.select(hydra, parent) if parent and key.startswith("hydra.") else None
    if not isinstance(section, DictConfig) or last in list(section):  # "in" a node hides what is missing
        return ""
    names = [str(name) for name in section if name != TARGET]
    if TARGET not in section:
        return f"is not there yet: +{key}=... adds it"
    meant = next((name for name in _ALSO_CALLED.get(last, ()) if name in names), None)
    if meant is None and parent == "sweeper" and last in (others := _sweepers_by_key(folder)):
        return f"no such option; hydra/sweeper={' or '.join(others[last])} has it"
    if not names:
        return f"no such option, nor any other; hydra/{parent}= chooses one that has some"
    return f"no such option{suggest(meant or last, names, listed=True)}"


def in_sweepers(key: str, folder: Path) -> str:
    """Return what is said of a key of the root that a sweeper of ours in a folder of configs has; empty of another."""
    sweepers = _sweepers_by_key(folder).get(key)
    return f"of hydra/sweeper={' or '.join(sweepers)} it is hydra.sweeper.{key}" if sweepers else ""


@cache
def _sweepers_by_key(folder: Path) -> dict[str, list[str]]:
    sweepers: dict[str, list[str]] = {}
    for file in sorted((folder / "hydra" / "sweeper").glob("*.yaml")):
        for key in re.findall(r"^([a-z]\w*):", file.read_text(encoding="utf-8"), re.MULTILINE):
            sweepers.setdefault(key, []).append(file.stem)
    return sweepers


def hydra_problem(key: str, values: Sequence[str], multirun: bool) -> Problem | None:
    """Say what is wrong with a key of Hydra's own node, whose other values would do nothing here, or with an option."""
    if any(f"{key}.".startswith(f"{used}.") for used in USED):
        return not_installed(key, values)
    held = {**HELD, "hydra.mode": "MULTIRUN" if multirun else "RUN"}.get(key, "")
    if [value.lower() for value in values] == [held.lower()]:
        return None
    dotted = f"{key.replace('/', '.')}."
    instead = next((text for name, text in _INSTEAD.items() if dotted.startswith(f"{name}.")), "")
    hint = f"; {instead}" if instead else f"{suggest(key, USED)}; used are {', '.join(USED)}"
    return Problem(key, f"is not used here{hint}")


def not_installed(group: str, options: Sequence[str]) -> Problem | None:
    """Say what an option of ``hydra/launcher`` or ``hydra/sweeper`` lacks, if it lacks something."""
    for option in options:
        plugin = PLUGINS.get(f"{group}={option}")
        if plugin and not all(map(module_exists, plugin.modules)):
            return Problem(group, f"{option} is not installed: pip install gan-experiments[{plugin.extra}]")
    return None


def plugin_defaults(overrides: Sequence[str]) -> dict[str, str]:
    """Return options that the plugins of a command line get unless it says otherwise."""
    return {key: value for line in overrides if line in PLUGINS for key, value in PLUGINS[line].defaults.items()}


def plugin_problems(hydra: DictConfig) -> Iterator[Problem]:
    """Yield what is wrong with the launcher and the sweeper of Hydra's own node, whatever their options."""
    for group in ("hydra/launcher", "hydra/sweeper"):
        if problem := not_installed(group, [str(hydra.runtime.choices.get(group))]):
            yield problem
    for key in ("nodes", "tasks_per_node"):
        if (count := OmegaConf.select(hydra, f"launcher.{key}") or 1) != 1:
            text = f"{count}: a job is one task, and starts its processes itself (trainer.devices)"
            yield Problem(f"hydra.launcher.{key}", text)
