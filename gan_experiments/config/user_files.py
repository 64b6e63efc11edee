"""The folder of ``--config-dir``, read as a stranger's: what its YAML files may not say is refused as they are read.

Hydra's own node decides what runs and where it writes, and an interpolation can read the environment. Both are for our
files and the command line; a user's file may set what the tables below list.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from gan_experiments.config.plugins import PLUGINS
from gan_experiments.core.text import first_line, show, show_key
from gan_experiments.core.yaml_size import refuse_huge

_LARGEST = 1_000_000  # characters of a file
_CHOICES = {"hydra/launcher=basic", "hydra/sweeper=basic", *PLUGINS}
_NUMBERS = (
    "n_jobs", "timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb", "array_parallelism", "max_num_timeout",
    "signal_delay_s", "cpus_per_gpu", "gpus_per_task",
)  # fmt: skip
_WORDS = ("partition", "qos", "account", "constraint", "gres", "mem_per_gpu", "mem_per_cpu")
_WORD = re.compile(r"[\w.:,=+-]+", re.ASCII)  # becomes part of a line of a batch script
_SWEEP_DIR = re.compile(r"\$\{output_dir\}(/[\w-][\w.-]*)+", re.ASCII)
_REFERENCE = re.compile(r"\$\{((hydra|now):)?[^${}:]*\}")  # to another key; of the resolvers two that tell no secret


class UserFolder(SearchPathPlugin):
    """Adds the folder of ``--config-dir`` to Hydra's search path, after ours."""

    path: ClassVar[Path | None] = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add it, if there is one."""
        if self.path is not None:
            search_path.append("--config-dir", f"{UserFiles.scheme()}://{self.path}")


class UserFiles(ConfigSource):
    """Hydra's source of the files in that folder."""

    @staticmethod
    def scheme() -> str:
        """Return what its paths begin with."""
        return "user"

    def load_config(self, config_path: str) -> ConfigResult:
        """Read a file, refusing what only our files and the command line may say.

        Raises:
            ConfigLoadError: It says such a thing, is too large, or is no YAML.
        """
        path = self._path(self._normalize_file_name(config_path))
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(_LARGEST + 1)
            if len(text) > _LARGEST:
                raise ValueError(f"it is longer than {_LARGEST:,} characters")
            refuse_huge(text)
            config = OmegaConf.load(io.StringIO(text))
            header = self._get_header_dict(text[:512])
        except (OSError, ValueError, YAMLError, OmegaConfBaseException, RecursionError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigLoadError(f"{show_key(config_path)}.yaml cannot be read: {first_line(reason)}") from None
        problems = list(_problems(OmegaConf.to_container(config), str(header["package"])))
        if problems:
            raise ConfigLoadError(
                f"{show_key(config_path)}.yaml says what only the command line can: {'; '.join(problems)}"
            )
        return ConfigResult(self.provider, self.full_path(), config, header)

    def available(self) -> bool:
        """Tell whether the folder exists."""
        return self.is_group("")

    def is_group(self, config_path: str) -> bool:
        """Tell whether there is such a folder of options; one of Hydra's own may not be there."""
        return self._may_be(config_path) and self._path(config_path).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Tell whether there is such a file."""
        return self._may_be(config_path) and self._path(self._normalize_file_name(config_path)).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return the options, the folders of options or both below a folder."""
        files: list[str] = []
        for path in self._path(config_path).iterdir():
            self._list_add_result(files, f"{config_path}/{path.name}".lstrip("/"), path.name, results_filter)
        return sorted(set(files))

    def _path(self, config_path: str) -> Path:
        return Path(self.path, config_path.lstrip("/"))

    def _may_be(self, config_path: str) -> bool:
        parts = config_path.strip("/").split("/")
        return parts[0] != "hydra" and ".." not in parts


def _problems(config: Any, package: str) -> Iterator[str]:
    """Yield what a file may not say."""
    if _names_hydra(package):
        yield f"@package {show_key(package)}"
    if isinstance(config, Mapping):
        yield from _in_defaults(config.get("defaults"))
        yield from _in_hydra(config.get("hydra", {}))
    yield from _in_interpolations({"": config})


def _in_defaults(defaults: Any) -> Iterator[str]:
    for entry in defaults if isinstance(defaults, list) else ():
        for key, value in entry.items() if isinstance(entry, Mapping) else [(entry, None)]:
            group = str(key).split()[-1:] or [""]
            if _names_hydra(f"{key} {value}") and f"{group[0].lstrip('/')}={value}" not in _CHOICES:
                yield f"defaults: {show_key(key)}: {show_key(value)}"


def _names_hydra(text: str) -> bool:
    return "hydra" in re.split(r"\W", text)


def _in_hydra(node: Any) -> Iterator[str]:
    """Yield what a file says of Hydra's own node beyond the sweep's folder, its values and options of the launcher."""
    sections = {"sweeper": _in_sweeper, "launcher": _in_launcher, "sweep": _in_sweep}
    if not isinstance(node, Mapping):
        yield "hydra"
        return
    for name, section in node.items():
        if name not in sections or not isinstance(section, Mapping):
            yield f"hydra.{show_key(name)}"
        else:
            yield from (f"hydra.{name}.{show_key(key)}" for key in sections[name](section))


def _in_sweeper(options: Mapping[Any, Any]) -> Iterator[Any]:
    params = options.get("params", {})
    yield from (key for key in options if key == "storage" or str(key).startswith("_"))
    if not isinstance(params, Mapping):
        yield "params"
        return
    yield from (f"params.{key}" for key in params if re.search(r"hydra|^\W*trusted|[@=~]", str(key)))


def _in_launcher(options: Mapping[Any, Any]) -> Iterator[Any]:
    for key, value in options.items():
        word = key in _WORDS and isinstance(value, str) and _WORD.fullmatch(value)
        number = key in _NUMBERS and isinstance(value, (int, float, type(None)))
        if not (number or word):
            yield key


def _in_sweep(options: Mapping[Any, Any]) -> Iterator[Any]:
    yield from (key for key, value in options.items() if key != "dir" or not _SWEEP_DIR.fullmatch(str(value)))


def _in_interpolations(values: Any, key: str = "") -> Iterator[str]:
    """Yield the values that ask a resolver for something, which could be the environment."""
    if isinstance(values, (Mapping, list)):
        for name, item in values.items() if isinstance(values, Mapping) else enumerate(values):
            yield from _in_interpolations(name)
            yield from _in_interpolations(item, f"{key}.{name}".lstrip("."))
    elif isinstance(values, str) and "$" in values:
        text, changed = values.replace("\\", ""), True
        while changed:
            text, changed = (shorter := _REFERENCE.sub("x", text)), shorter != text
        if "${" in text:
            yield f"{show_key(key)}: {show(values)}"
