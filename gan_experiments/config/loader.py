"""Finds and composes configs with Hydra, without becoming the one Hydra of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from gan_experiments.core.types import ConfigError

VERSION_BASE = "1.3"  # of Hydra's behaviour


def conf_dir() -> Path:
    """Return the folder of the configs: inside the installed package, or beside it in a working copy."""
    package = Path(__file__).parents[1]
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def root_dir(config_name: str) -> Path:
    """Return the folder in which the root config of a program lies.

    A folder of its own hides the config groups from it: a program with a key that is called like a group needs that.
    """
    own = conf_dir() / config_name
    return own if (own / f"{config_name}.yaml").is_file() else conf_dir()


@cache
def own_loader(config_name: str) -> Loader:
    """Return the loader of one of our own root configs; they do not change while a process runs."""
    return Loader(config_name)


class Composed(NamedTuple):
    """A config as files make it: ``whole``, with Hydra's node, and ``config``, without."""

    whole: DictConfig
    config: DictConfig


class Loader:
    """The configs of one program.

    Args:
        config_name: The root config.
        config_dir: A folder of the user's beside ours; ours goes first.

    Raises:
        ConfigError: ``config_dir`` is no folder, or there is no such root config.
    """

    def __init__(self, config_name: str, config_dir: str | Path | None = None) -> None:
        version.setbase(VERSION_BASE)
        setup_globals()
        search_path = create_config_search_path(str(root_dir(config_name)))
        if config_dir is not None:
            folder = Path(config_dir).absolute()
            if not folder.is_dir():
                raise ConfigError(f"--config-dir: there is no folder {folder}")
            search_path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
        self.config_name = config_name
        self.hydra = ConfigLoaderImpl(search_path)
        self._composed: dict[tuple[str, ...], Composed] = {}
        if not self.hydra.repository.config_exists(config_name):
            raise ConfigError(f"--config-name: there is no config {config_name!r} in {config_dir or conf_dir()}")

    def is_group(self, key: str) -> bool:
        """Tell whether ``key`` is a config group."""
        return self.hydra.repository.group_exists(key)

    def options(self, group: str) -> list[str]:
        """Return the options of a group, ours and the user's."""
        return self.hydra.get_group_options(group)

    def has_option(self, group: str, option: str) -> bool:
        """Tell whether a group has an option; it may lie in a folder below."""
        return self.hydra.repository.config_exists(f"{group}/{option}")

    def load(self, overrides: list[str]) -> Composed:
        """Compose the root config; the result is shared, so copy it before changing it.

        Raises:
            HydraException: From Hydra, at the first thing it does not like.
        """
        return self._load(self.config_name, overrides)

    def load_hydra(self, overrides: list[str]) -> DictConfig:
        """Compose what would be Hydra's node if the root config were empty."""
        return self._load(None, overrides).whole.hydra  # type: ignore[no-any-return]

    @cached_property
    def groups(self) -> set[str]:
        """The groups that the root config has in its defaults list."""
        defaults = self.hydra.compute_defaults_list(self.config_name, [], RunMode.RUN)
        lists = {str(default.config_path).rpartition("/")[0] for default in defaults.defaults}
        return set(defaults.overrides.known_choices) | lists

    def _load(self, config_name: str | None, overrides: list[str]) -> Composed:
        key = (str(config_name), *overrides)
        if key not in self._composed:
            whole = self.hydra.load_configuration(config_name, list(overrides), RunMode.RUN)
            config = OmegaConf.masked_copy(whole, [str(name) for name in whole if name != "hydra"])
            self._composed[key] = Composed(whole, config)
        return self._composed[key]


@contextmanager
def visible(config: DictConfig) -> Iterator[None]:
    """Let ``${hydra:...}`` be resolved as it will be in the job."""
    hydra = HydraConfig.instance()
    before = hydra.cfg
    hydra.cfg = config  # type: ignore[assignment]
    try:
        yield
    finally:
        hydra.cfg = before
