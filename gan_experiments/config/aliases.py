"""Other names of options and keys, for "did you mean": what comments in the YAML files give after "also called"."""

from __future__ import annotations

import re
from functools import cache

from gan_experiments.config.files import conf_dir, root_dir

_ALSO = re.compile(r"#.*\balso called ([\w, -]+)", re.IGNORECASE)
_KEY = re.compile(r"( *)(\w+):")


@cache
def option_aliases(group: str) -> dict[str, str]:
    """Return the options of a group of ours by their other names, which the comment above an option's values gives."""
    aliases: dict[str, str] = {}
    for file in sorted((conf_dir() / group).glob("*.yaml")):
        lines = file.read_text(encoding="utf-8").splitlines()
        header = lines[: next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))]
        aliases |= {alias: file.stem for line in header for alias in _aliases_in(line)}
    return aliases


@cache
def key_aliases(config_name: str) -> dict[str, str]:
    """Return the keys of a root config of ours by their other names, from a comment on a key's line or below it."""
    aliases: dict[str, str] = {}
    above: list[tuple[int, str]] = []  # the indentation and the name of each key that the line is below
    file = root_dir(config_name) / f"{config_name}.yaml"
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        if match := _KEY.match(line):
            above = [*((depth, name) for depth, name in above if depth < len(match[1])), (len(match[1]), match[2])]
        aliases |= {alias: ".".join(name for _, name in above) for alias in _aliases_in(line)}
    return aliases


def _aliases_in(line: str) -> list[str]:
    match = _ALSO.search(line)
    return [alias.strip().lower() for alias in match[1].split(",")] if match else []
