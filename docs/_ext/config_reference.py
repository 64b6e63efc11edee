"""Writes a page for each config group from ``conf/``: its options, their YAML, and the classes that they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

CONF = Path(__file__).parent.parent.parent / "conf"
PAGES = "reference/config"  # below the documentation; not committed
TARGET = re.compile(r"^\s*_target_: *([\w.]+)", re.MULTILINE)
COMMANDS = {
    "train": "gan-train", "evaluate": "gan-evaluate", "compare": "gan-compare", "sample": "gan-sample",
    "runs": "gan-runs", "runs_follow": "gan-runs follow", "runs_compare": "gan-runs compare",
    "runs_archive": "gan-runs archive", "runs_delete": "gan-runs delete",
    "export": "gan-export", "diagnose": "gan-diagnose", "data": "gan-data describe", "shards": "gan-data shards",
    "convert": "gan-data convert",
}  # fmt: skip


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx reads any."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write a page for each group and one for the root configs; a page that has not changed is left alone."""
    folder = Path(app.srcdir) / PAGES
    folder.mkdir(parents=True, exist_ok=True)
    groups = sorted(path for path in CONF.iterdir() if path.is_dir() and path.name != "hydra")
    pages = {group.name: page(group) for group in groups} | {"commands": commands()}
    listed = "\n".join(["commands", *(group.name for group in groups)])
    about = (
        "Every config group with its options, from the files in `conf/` and the docstrings of the classes they name."
    )
    pages["index"] = f"# Config reference\n\n{about}\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.stem not in pages:
            path.unlink()


def page(group: Path) -> str:
    """Return the page of a group: its options by name, each with its YAML; then the classes."""
    files = sorted(group.glob("*.yaml"), key=lambda file: (file.stem != "base", file.stem))
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    lines = [f"# {group.name}", ""]
    for name, text in texts.items():
        lines += [f"## `{group.name}={name}`", "", "```yaml", text.rstrip(), "```", ""]
    targets = dict.fromkeys(target for text in texts.values() for target in TARGET.findall(text))
    own = [target for target in targets if target.startswith("gan_experiments.")]
    if own:
        lines += ["## Classes", "", "```{eval-rst}"]
        for target in own:
            lines += [f".. autoclass:: {target}", "   :noindex:", ""]
        lines += ["```", ""]
    return "\n".join(lines)


def commands() -> str:
    """Return the page of the root configs: the keys of every command."""
    lines = ["# Keys of the commands", ""]
    for name, command in COMMANDS.items():
        text = (CONF / f"{name}.yaml").read_text(encoding="utf-8").rstrip()
        lines += [f"## `{command}`", "", "```yaml", text, "```", ""]
    return "\n".join(lines)
