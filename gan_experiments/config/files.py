"""Finds and composes the YAML files of a command with Hydra."""

from __future__ import annotations

import filecmp
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from gan_experiments.config.user_files import UserFiles, UserFolder
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError

VERSION_BASE = "1.3"  # of Hydra's behaviour
INHERITED = "base"  # an option of this name is there for the others of its group to inherit from
_LISTED = 3  # files that a warning names
# What Hydra raises, its parsers, and pathlib at a file that cannot be read.
COMPOSE_FAILURES = (
    HydraException, OmegaConfBaseException, YAMLError, ValueError, AssertionError, OSError, RecursionError,
)  # fmt: skip
_READ: dict[tuple[str, str], bytes] = {}  # by source and path; these files do not change while a process runs


def conf_dir() -> Path:
    """Return the folder of the configs: inside the installed package, or beside it in a working copy."""
    package = Path(__file__).parents[1]
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def own_choices(choices: Mapping[str, Any]) -> dict[str, str]:
    """Return the options chosen of this package's config groups, without those of Hydra's own groups."""
    return {key: str(value) for key, value in choices.items() if not key.startswith("hydra")}


@dataclass(frozen=True)
class Composition:
    """A composed config: ``config`` without Hydra's own node, that node, and what of the user's was not read for it.

    ``unread`` has a warning for each file that ours of the same name was read instead of.
    """

    config: DictConfig
    hydra: DictConfig
    unread: tuple[str, ...] = ()

    def copy(self) -> DictConfig:
        """Return a copy of ``config``, of which ``${hydra:...}`` is resolved from its own node from now on."""
        pickled, root = self._originals
        OmegaConf.clear_cache(root)  # what the time is
        HydraConfig.instance().cfg = root  # type: ignore[assignment]
        config: DictConfig = pickle.loads(pickled)  # noqa: S301 - what is composed here
        return config

    @cached_property
    def _originals(self) -> tuple[bytes, DictConfig]:  # copying a config each time would take ten times as long
        return pickle.dumps(self.config), OmegaConf.create({"hydra": self.hydra})


class ConfigFiles:
    """The YAML files of one command.

    Args:
        config_name: The root config.
        config_dir: A folder of the user's beside ours; of files with one name ours is read.

    Attributes:
        config_dir: The same.

    Raises:
        ConfigError: ``config_dir`` is no folder, or there is no such root config.
    """

    def __init__(self, config_name: str, config_dir: str | Path | None = None) -> None:
        self.config_name = config_name
        self.config_dir = config_dir
        self.loader = _loader(None if config_dir is None else Path(config_dir).absolute())
        self._composed: dict[tuple[str, ...], Composition] = {}
        self._all_options = cache(self.loader.get_group_options)  # which lists folders
        if config_name not in self._all_options(""):
            raise ConfigError(f"--config-name: there is no config {config_name!r} in {config_dir or conf_dir()}")

    def options(self, group: str) -> list[str]:
        """Return the options of a group, ours and the user's; empty if there is no such group."""
        return [option for option in self._all_options(group) if option != INHERITED]

    def has_option(self, group: str, option: str) -> bool:
        """Tell whether a group has an option; it may lie in a folder below."""
        folder, _, name = f"{group}/{option}".rpartition("/")
        try:
            return name in self.options(folder)
        except OSError:  # a name that is too long, or a folder that may not be read
            return False

    @cached_property
    def groups(self) -> set[str]:
        """The groups that the root config has in its defaults list."""
        return set(self.compose([]).hydra.runtime.choices)

    def can_append(self, group: str) -> bool:
        """Tell whether ``+group=option`` appends a group to the defaults list: it has options, and names no value."""
        own: Any = OmegaConf.to_container(self.compose([]).config)
        return bool(self.options(group)) and isinstance(own.get(group, {}), dict)

    def compose(self, overrides: list[str], run_mode: RunMode = RunMode.RUN) -> Composition:
        """Compose the root config; the result is shared: copy it before changing it.

        Raises:
            HydraException: From Hydra, at the first thing it refuses.
        """
        key = (run_mode.name, *overrides)
        if key not in self._composed:
            whole = self.loader.load_configuration(self.config_name, list(overrides), run_mode)
            config = OmegaConf.masked_copy(whole, [str(name) for name in whole if name != "hydra"])
            self._composed[key] = Composition(config, whole.hydra, tuple(self._unread(overrides, run_mode)))
        return self._composed[key]

    def _unread(self, overrides: list[str], run_mode: RunMode) -> Iterator[str]:
        """Yield a warning for each file of the user's that ours hides, and one for those where Hydra's would be."""
        if self._of_hydra:
            where = "on the command line (hydra.launcher.n_jobs=2), or below hydra: in an experiment or a study"
            yield f"{first_few(self._of_hydra, _LISTED)}: not read; options of Hydra's are set {where}"
        if self._hidden:  # to list the defaults once more takes as long as to compose them
            listed = self.loader.compute_defaults_list(self.config_name, list(overrides), run_mode).defaults
            for name in sorted(self._hidden & {f"{each.config_path}.yaml" for each in listed}):
                what = "an option" if "/" in name else "a config"
                text = f"is not read: this project has {what} of that name; rename it"
                yield f"{Path(str(self.config_dir), name)} {text}"

    @cached_property
    def _of_hydra(self) -> list[str]:
        """The files of the user's that lie where Hydra would look for options of its own."""
        if self.config_dir is None:
            return []
        return sorted(str(file) for depth in ("*", "*/*") for file in Path(self.config_dir).glob(f"hydra/{depth}.yaml"))

    @cached_property
    def _hidden(self) -> set[str]:
        """The files of the user's that differ from ours of the same name, by that name."""
        if self.config_dir is None:
            return set()
        names = [str(file.relative_to(conf_dir())) for file in conf_dir().rglob("*.yaml")]
        return {name for name in names if _differs(Path(self.config_dir, name), conf_dir() / name)}


@cache
def own_files(config_name: str) -> ConfigFiles:
    """Return one of our own root configs; they do not change while a process runs."""
    return ConfigFiles(config_name)


def _differs(file: Path, own: Path) -> bool:
    """Tell whether there is a file that says something else than ours."""
    try:
        return file.is_file() and not filecmp.cmp(file, own, shallow=False)
    except OSError:  # it may not be read, so that nobody knows what it says
        return True


def search_also(folder: Path) -> None:
    """Let whatever Hydra composes next search a folder of the user's, read as a stranger's, after its own."""
    for plugin in (UserFolder, UserFiles):
        Plugins.instance().register(plugin)
    UserFolder.path = folder


def _loader(folder: Path | None) -> ConfigLoader:
    """Return Hydra's loader for our folder and one of the user's, and leave the Hydra of this process as it was."""
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"--config-dir: there is no folder {folder}")
    before = GlobalHydra.instance().hydra
    if folder is not None:
        search_also(folder)
    try:
        GlobalHydra.instance().clear()
        with initialize_config_dir(config_dir=str(conf_dir()), job_name="gan", version_base=VERSION_BASE):
            loader = GlobalHydra.instance().config_loader()
    finally:
        GlobalHydra.instance().hydra, UserFolder.path = before, None
    for source in loader.get_sources():
        # Hydra copies its sources with all that is stored for each config, and changes none.
        vars(source).update(__deepcopy__=lambda _, it=source: it)
        if source.scheme() in ("file", "pkg"):  # of ours and Hydra's
            vars(source).update(load_config=partial(_read, source))
    return loader


def _read(source: ConfigSource, config_path: str) -> ConfigResult:
    """Return what a source has at a path, read once: making it from a pickle takes a tenth of the time."""
    key = (str(source), config_path)
    if key not in _READ:
        _READ[key] = pickle.dumps(type(source).load_config(source, config_path))
    result: ConfigResult = pickle.loads(_READ[key])  # noqa: S301 - what was read here
    return result
