"""What config files may not say about Hydra itself, because it would run or write something."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from gan_experiments.core.checks import Problem

# Callbacks are classes to build, logging opens files, the environment of a job decides what Python it starts.
_RISKY = ("callbacks", "job_logging", "hydra_logging", "job.env_set", "job.env_copy", "job.chdir")
_HARMLESS = ("runtime", "overrides", "job", "mode", "help", "hydra_help")


def hydra_problems(composed: DictConfig, commanded: DictConfig, everything: bool) -> list[Problem]:
    """Return what the files of a folder say about Hydra that only a command line may say.

    Args:
        composed: Hydra's node.
        commanded: What it would be if there were no such files.
        everything: Allow them nothing: a root config from elsewhere may be a stranger's.
    """
    others = [str(key) for key in composed if key not in _HARMLESS and key not in _RISKY]
    keys = (*_RISKY, *others) if everything else _RISKY
    text = "config files cannot set this: it can run or write anything; the command line can"
    return [Problem(f"hydra.{key}", text) for key in keys if _plain(composed, key) != _plain(commanded, key)]


def _plain(node: DictConfig, key: str) -> object:
    value = OmegaConf.select(node, key, throw_on_missing=False)
    return OmegaConf.to_container(value, resolve=False) if OmegaConf.is_config(value) else value
