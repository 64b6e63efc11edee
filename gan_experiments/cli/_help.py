"""The help pages: what a root config says of its command in its header, and of groups and keys in its comments."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from gan_experiments.cli._arguments import flag_parser
from gan_experiments.config.files import INHERITED, conf_dir
from gan_experiments.core.escape import printable

WIDTH = 100


def help_page(config_name: str, config_dir: str | Path | None = None) -> str:
    """Return the help of a command: what it does, the groups with their options, the keys, examples, flags."""
    program = {"data": "gan-data describe", "shards": "gan-data shards", "convert": "gan-data convert"}.get(
        config_name, f"gan-{config_name.replace('_', ' ')}"
    )
    about, examples, groups, keys = _read_root(conf_dir() / f"{config_name}.yaml")
    folders = [conf_dir()] + ([Path(config_dir)] if config_dir else [])
    parts = [
        _wrapped(about),
        *(["Groups, with the option taken by default:\n" + _groups(groups, folders)] if groups else []),
        "Keys, with their defaults (???: must be given; those of an option: --cfg job):\n"
        + textwrap.indent(keys, "  "),
        "Examples:\n" + textwrap.indent(examples, "  "),
    ]
    return flag_parser(program, "\n\n".join(parts).replace("%", "%%")).format_help().rstrip()


def _read_root(file: Path) -> tuple[str, str, list[tuple[str, str, str]], str]:
    """Return what the header of a root config says, its indented lines as examples, then its groups and its keys.

    Groups have a default and a meaning each; keys are the text of the file.
    """
    text = re.sub(r"\n *# elsewhere called .*|; elsewhere called .*", "", file.read_text(encoding="utf-8"))
    defaults, _, keys = text.partition("\n\n")
    header = [line[2:] for line in defaults.splitlines() if line.startswith("#")]
    about = " ".join(line for line in header if not line.startswith(" "))
    examples = "\n".join(line.strip() for line in header if line.startswith(" "))
    lines = re.findall(r"^ *- (?:optional )?(\w+): (\S+)[ \t]*(?:# *(.*))?$", defaults, flags=re.MULTILINE)
    return about, examples, lines, keys.strip()


def _groups(groups: list[tuple[str, str, str]], folders: list[Path]) -> str:
    lines = []
    for group, default, meaning in groups:
        names = {file.stem for folder in folders for file in (folder / group).glob("*.yaml")} - {INHERITED}
        if names:
            title = f"  {group + '=' + default if default != 'null' else group:<24}{meaning}".rstrip()
            lines += [title, _wrapped(", ".join(map(printable, sorted(names))), indent=26)]
    return "\n".join(lines)


def _wrapped(text: str, indent: int = 0) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)
