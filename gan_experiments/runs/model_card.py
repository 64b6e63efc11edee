"""The model card of a generator, made from the record of its run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from gan_experiments.core.escape import for_markdown
from gan_experiments.core.translator import Translator
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.hub import is_hub
from gan_experiments.runs.summary import as_markdown

if TYPE_CHECKING:
    from gan_experiments.core.contracts import Generator

_SECTIONS = (
    "model", "loss", "penalty", "augment", "optimizer", "ema", "ramps", "init_from", "init", "freeze", "batch_size",
    "d_steps", "budget", "seed", "dataset", "task",
)  # fmt: skip
_LEFT_OUT = "(left out)"
_HEAD = """---
library_name: gan-experiments
tags:
- gan
- {kind}-image-generation
# license: name one, such as mit; what the images allow is yours to know
---
"""
_USE = """```python
import torch
from gan_experiments import load_generator

generator = load_generator({place})
images = generator({given})  # in [-1, 1]
```
"""


def model_card(run: RunFolder, generator: Generator | Translator, place: str, images_seen: int) -> str:
    """Return the card as Markdown: how to use the generator, what it scores, and what it was trained with.

    Paths of this machine are left out of the config, and its name.

    Args:
        run: The run.
        generator: Its network.
        place: Where it can be loaded from; of a folder only its last part is shown.
        images_seen: By its discriminator, up to the checkpoint of these weights.

    Raises:
        ConfigError: The record holds other things than that of a run.
    """
    with run.reading_record():
        return "\n".join([*_head(generator, place, images_seen), *_body(run.record(), run.read_config(), images_seen)])


def _head(generator: Generator | Translator, place: str, images_seen: int) -> list[str]:
    facts = generator.facts
    if isinstance(generator, Translator):
        kind, given = "image-to", f"torch.randn(1, {generator.input_channels}, {facts.height}, {facts.width})"
    else:
        kind, given = "unconditional", "torch.randn(16, generator.latent_dim)"
        if generator.conditional:
            kind, given = "class-conditional", f"{given}, torch.arange(16) % generator.facts.num_classes"
    size = f"{facts.height} x {facts.width} pixels, {facts.channels} channels, {facts.num_classes} classes"
    title = f"# {for_markdown(str(facts.name))}, {type(generator).__name__}\n"
    what = f"Images of {size}; trained on {images_seen:,} images with `gan-experiments`.\n"
    return [_HEAD.format(kind=kind), title, what, _USE.format(place=_literal(place), given=given)]


def _literal(place: str) -> str:
    """Return a place in Python, without the path to a folder, and without what could end the block of code."""
    name = place if is_hub(place) else os.path.basename(os.path.abspath(os.path.expanduser(place)))
    return json.dumps(name, ensure_ascii=not name.isprintable()).replace("`", r"\x60")


def _body(record: Mapping[str, Any], config: Mapping[str, Any], images_seen: int) -> list[str]:
    measured = images_seen == record.get("images_seen") and record.get("final")
    scores = as_markdown(record) if measured else "These weights have not been measured by a final evaluation."
    parts = ["## Scores\n", scores, "\n## Data\n", *_rows(record.get("dataset") or {})]
    if imported := record.get("imported"):
        hashes = imported["sha256"]  # of a folder by the names of its files
        each = map(str, hashes.values() if isinstance(hashes, Mapping) else [hashes])
        parts += [
            f"\nImported from a file of {for_markdown(str(imported['family']))}: {for_markdown(', '.join(each))}."
        ]
    versions = _rows(record.get("versions") or {})
    return [*parts, "\n## Config\n", "```yaml", _yaml(config), "```\n", "## Made with\n", *versions, ""]


def _rows(values: Mapping[str, Any]) -> list[str]:
    """Return a list of plain values by name."""
    plain = {key: value for key, value in _without_places(values).items() if isinstance(value, (str, int, float))}
    return [f"- {for_markdown(str(key))}: {for_markdown(str(value))}" for key, value in plain.items()]


def _yaml(config: Mapping[str, Any]) -> str:
    chosen = {key: config[key] for key in _SECTIONS if config.get(key) is not None}
    return OmegaConf.to_yaml(OmegaConf.create(_without_places(chosen))).replace("```", "'''").strip()


def _without_places(value: Any) -> Any:
    """Return values of a config without those that are paths on this machine."""
    if isinstance(value, Mapping):
        return {key: _without_places(item) for key, item in value.items() if not _is_path(key)}
    if isinstance(value, list):
        return [_without_places(item) for item in value]
    return _LEFT_OUT if _is_path(value) else value


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and not is_hub(value) and ("/" in value or "\\" in value)
